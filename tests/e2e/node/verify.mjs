// Verifies calls as receivers in JavaScript do: with their libraries, and where there is none for a scheme, as its
// documentation says.
//
// Reads one JSON object a line: {library, secret, headers, body}, the body in base64 and the names of headers in lower
// case. Answers each with a line: "accepted", or "refused: " and why.

import { createHmac, createPublicKey, timingSafeEqual, verify as verifyDetached } from "node:crypto";
import { createInterface } from "node:readline";
import { verify as verifyGitHub } from "@octokit/webhooks-methods";
import { Webhook } from "standardwebhooks";

/** Each throws, or answers false, unless the call is genuine. */
const LIBRARIES = {
  standardwebhooks({ secret, headers, body }) {
    new Webhook(secret).verify(body, headers);
    return true;
  },

  octokit({ secret, headers, body }) {
    return verifyGitHub(secret, body.toString(), headers["x-hub-signature-256"]);
  },

  // No library knows Shopify's alone: this is the recipe of its documentation.
  shopify({ secret, headers, body }) {
    const wanted = createHmac("sha256", secret).update(body).digest();
    const given = Buffer.from(headers["x-shopify-hmac-sha256"], "base64");
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  },

  // The libraries of Standard Webhooks do not know v1a yet: OpenSSL's ed25519 instead. The secret is the public key.
  ed25519({ secret, headers, body }) {
    const x = Buffer.from(secret.replace(/^whpk_/, ""), "base64").toString("base64url");
    const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
    const start = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.`;
    const content = Buffer.concat([Buffer.from(start), body]);
    return headers["webhook-signature"]
      .split(" ")
      .map((signature) => signature.split(","))
      .filter(([version]) => version === "v1a")
      .some(([, signature]) => verifyDetached(null, content, key, Buffer.from(signature, "base64")));
  },
};

async function judge(line) {
  const { library, secret, headers, body } = JSON.parse(line);
  try {
    const genuine = await LIBRARIES[library]({ secret, headers, body: Buffer.from(body, "base64") });
    return genuine ? "accepted" : "refused: the signature is another one";
  } catch (error) {
    return `refused: ${error.message.split("\n")[0]}`;
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(await judge(line));
}
