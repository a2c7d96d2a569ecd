"""Reads CloudEvents with the project's own SDK: a JSON object on each line in, the event's attributes and data out."""

import base64
import json
import sys

from cloudevents.core.bindings.http import HTTPMessage, from_http_event

for line in sys.stdin:
    message = json.loads(line)
    event = from_http_event(HTTPMessage(message["headers"], base64.b64decode(message["body"])))
    attributes = {name: str(value) for name, value in event.get_attributes().items()}
    print(json.dumps({"attributes": attributes, "data": event.get_data()}))
