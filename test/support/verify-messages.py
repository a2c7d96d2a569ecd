"""Verifies messages with the published library: a JSON object on each line in, "good" or "refused" on each line out."""

import base64
import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

for line in sys.stdin:
    message = json.loads(line)
    body = base64.b64decode(message["body"])
    try:
        Webhook(message["secret"]).verify(body, message["headers"], json_parse=False)
        print("good")
    except (WebhookVerificationError, ValueError):
        print("refused")
