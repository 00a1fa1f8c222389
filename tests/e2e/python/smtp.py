"""A mail server: smtp.py plain|starttls|smtps|silent [CERTIFICATE KEY]

Prints the port it listens on. With TLS it takes mail only from who logs in as `ann` with the password `p:w d`. A silent
one takes connections and says nothing. Reads commands from standard input, one a line, and answers each with a line:

    mails             what it has taken                           a JSON array of {from, to, encrypted, headers, text}
    refuse            from now on, refuse recipients              ok
    accept            take them again                             ok

Ends when standard input does.
"""

import asyncio
import email
import email.policy
import json
import logging
import ssl
import sys
import warnings

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


class Box:
    def __init__(self):
        self.mails = []
        self.refuses = False

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.refuses:
            return "550 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.mails.append(
            {
                "from": envelope.mail_from,
                "to": envelope.rcpt_tos,
                "encrypted": server.transport.get_extra_info("sslcontext") is not None,
                "headers": {name.lower(): str(value) for name, value in message.items()},
                "text": message.get_content().replace("\r\n", "\n"),
            }
        )
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"ann", b"p:w d")
    return AuthResult(success=good)


async def main(kind, certificate=None, key=None):
    loop = asyncio.get_running_loop()
    box = Box()
    tls = None
    if certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate, key)

    def protocol():
        if kind == "silent":
            return asyncio.Protocol()
        options = {}
        if kind == "starttls":
            options = {"tls_context": tls, "require_starttls": True, "auth_required": True}
        elif kind == "smtps":
            options = {"auth_required": True, "auth_require_tls": False}
        return SMTP(box, hostname="mail.example.com", authenticator=authenticate, loop=loop, **options)

    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=tls if kind == "smtps" else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    while line := (await loop.run_in_executor(None, sys.stdin.readline)).strip():
        if line == "mails":
            print(json.dumps(box.mails), flush=True)
        else:
            box.refuses = {"refuse": True, "accept": False}[line]
            print("ok", flush=True)


# Who distrusts its certificate is part of the tests, and what it says about settings of theirs is no news.
logging.disable()
warnings.simplefilter("ignore")
asyncio.run(main(*sys.argv[1:]))
