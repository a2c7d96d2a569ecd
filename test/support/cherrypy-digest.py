"""A receiver that checks Digest with CherryPy's implementation: PORT ALGORITHM QOP USER PASSWORD.

The qop "none" is the older form (RFC 2069), which CherryPy understands but does not ask for.
"""
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cherrypy
from cherrypy.lib import auth_digest

PORT, ALGORITHM, QOP, USER, PASSWORD = sys.argv[1:]
if QOP == "none":
    QOP = None
REALM = "receivers"
SECRET = "key of the nonces"
cherrypy.request.scheme = "http"
# Its parser writes the name in upper case, and then does not know it.
auth_digest.valid_algorithms += ("MD5-SESS",)


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        if self.is_authorized(body):
            self.answer(200, [])
        else:
            challenge = auth_digest.www_authenticate(
                REALM, SECRET, algorithm=ALGORITHM, qop=QOP or "auth"
            )
            if QOP is None:
                challenge = challenge.replace(', qop="auth"', "")
            self.answer(401, [("www-authenticate", challenge)])

    def is_authorized(self, body):
        header = self.headers["authorization"]
        if header is None:
            return False
        # It raises ValueError where a member is missing or wrong.
        given = auth_digest.HttpDigestAuthorization(header, "POST")
        if given.algorithm != ALGORITHM.upper():
            return False
        given.algorithm = ALGORITHM
        if not given.validate_nonce(REALM, SECRET):
            return False
        if (given.qop, given.uri) != (QOP, self.path):
            return False
        key = auth_digest.get_ha1_dict_plain({USER: PASSWORD})(REALM, given.username)
        return given.request_digest(key, entity_body=body) == given.response

    def answer(self, status, headers):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("content-length", "0")
        self.end_headers()


ThreadingHTTPServer(("127.0.0.1", int(PORT)), Receiver).serve_forever()
