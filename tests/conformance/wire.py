"""Requests as botocore writes and signs them, without what it would refuse; answers as bytes."""

import json

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import create_request_object, prepare_request_dict
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

REGION = "us-east-1"


class Answer:
    def __init__(self, response):
        self.status = response.status_code
        self.headers = response.headers
        self.body = response.content

    def text(self):
        return self.body.decode("utf-8", "replace")

    def json(self):
        return json.loads(self.body)

    def error(self):
        """The exception that the answer names."""
        return self.headers.get("x-amzn-errortype", "").split(":")[0]


class Wire:
    def __init__(self, endpoint):
        self.endpoint = endpoint
        session = botocore.session.get_session()
        self.model = session.get_service_model("codeartifact")
        self.protocol = self.model.metadata["protocol"]
        self.parser = create_parser(self.protocol)
        self._serializer = create_serializer(self.protocol, include_validation=False)
        self._auth = SigV4Auth(Credentials("AKIAIOSFODNN7EXAMPLE", "example"), "codeartifact", REGION)
        # Without the proxies of the environment: the endpoint is on this machine.
        self._http = URLLib3Session(proxies={}, timeout=30)

    def send(self, operation, params):
        request_dict = self._serializer.serialize_to_request(params, operation)
        prepare_request_dict(request_dict, self.endpoint)
        return self._signed(create_request_object(request_dict))

    def _signed(self, request):
        self._auth.add_auth(request)
        return Answer(self._http.send(request.prepare()))

    def call(self, name, **params):
        """A call that prepares another one: it must succeed. Gives the answer as botocore reads it."""
        operation = self.model.operation_model(name)
        answer = self.send(operation, params)
        if answer.status != 200:
            raise RuntimeError(f"{name} gives {answer.status} {answer.text()}")
        return self.parse(operation, answer)

    def parse(self, operation, answer):
        response = {"headers": answer.headers, "status_code": answer.status, "body": answer.body}
        return self.parser.parse(response, operation.output_shape)

    def put(self, url, body, token):
        """A request of a package manager."""
        request_dict = {"method": "PUT", "url": url, "body": body, "headers": {"Authorization": token}, "context": {}}
        answer = Answer(self._http.send(create_request_object(request_dict).prepare()))
        if answer.status != 200:
            raise RuntimeError(f"PUT {url} gives {answer.status} {answer.text()}")
