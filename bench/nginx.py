"""A local nginx that answers 200 to everything and keeps connections open: the receiver that costs the least."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time

CONFIGURATION = """
daemon off;
worker_processes auto;
pid {home}/pid;
error_log {home}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{ return 200; }}
    }}
}}
"""


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextlib.contextmanager
def nginx():
    """Runs it, with everything it writes in a directory that goes with it, and gives its URL."""
    binary = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    with tempfile.TemporaryDirectory(prefix="webhooks-nginx-") as home:
        port = _free_port()
        configuration = f"{home}/nginx.conf"
        with open(configuration, "w") as file:
            file.write(CONFIGURATION.format(home=home, port=port))
        server = subprocess.Popen([binary, "-p", home, "-c", configuration, "-e", f"{home}/error.log"])
        try:
            _wait_until_it_listens(server, port)
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.terminate()
            server.wait()


def _wait_until_it_listens(server, port):
    for _ in range(100):
        if server.poll() is not None:
            raise RuntimeError("nginx does not start")
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(0.1)
    raise RuntimeError("nginx does not listen")
