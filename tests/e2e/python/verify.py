"""Verifies calls as receivers in Python do, with their libraries: verify.py

Reads one JSON object a line from standard input: {library, secret, headers, body}, the body in base64 and the names of
headers in lower case. Answers each with a line: "accepted", or "refused: " and why.
"""

import base64
import hashlib
import hmac
import json
import sys

import standardwebhooks
import stripe


def by_standardwebhooks(secret, headers, body):
    standardwebhooks.Webhook(secret).verify(body, headers)


def by_stripe(secret, headers, body):
    stripe.WebhookSignature.verify_header(body.decode(), headers["stripe-signature"], secret, tolerance=300)


def by_recipe_of_shopify(secret, headers, body):
    digest = hmac.new(secret.encode(), body, digestmod=hashlib.sha256).digest()
    if not hmac.compare_digest(base64.b64encode(digest), headers["x-shopify-hmac-sha256"].encode()):
        raise ValueError("the signature is another one")


# Each raises an error unless the call is genuine.
LIBRARIES = {
    "standardwebhooks": by_standardwebhooks,
    "stripe": by_stripe,
    "shopify": by_recipe_of_shopify,
}


def judge(line):
    call = json.loads(line)
    verify = LIBRARIES[call["library"]]
    try:
        verify(call["secret"], call["headers"], base64.b64decode(call["body"]))
    except Exception as error:
        return f"refused: {error}".splitlines()[0]
    return "accepted"


for line in sys.stdin:
    print(judge(line), flush=True)
