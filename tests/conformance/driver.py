"""Calls every operation of the public service model at an endpoint, well and badly, and looks at every answer.

    python driver.py ENDPOINT [OPERATION ...]

The model is the one in botocore. Requests are written by botocore's serializer with its validation left out, signed by
botocore and sent as they are: botocore itself would refuse most of what is wanted here. Each finding is a line
`OPERATION: WHAT`; the last line counts. Exit code 1 if there is a finding.
"""

import re
import sys

from checks import check_answer
from inputs import wrong
from scene import INPUTS, Scene
from wire import Wire


def main():
    endpoint, names = sys.argv[1], sys.argv[2:]
    wire = Wire(endpoint)
    findings, checked = [], 0
    operations = list(wire.model.operation_names)
    for name in sorted(set(operations) ^ set(INPUTS)):
        findings.append(f"{name}: the model and the driver's inputs do not agree that it is there")
    scene = Scene(wire)
    for name in names or operations:
        operation = wire.model.operation_model(name)

        def ask(what, params, *, succeeds=None):
            nonlocal checked
            checked += 1
            answer = wire.send(operation, params)
            problems = list(check_answer(wire, operation, answer))
            if succeeds and answer.status != 200:
                problems.append(f"is refused: {answer.status} {answer.text()}")
            if succeeds is False and not (answer.status == 400 and answer.error() == "ValidationException"):
                problems.append(f"is not refused as invalid: {answer.status} {answer.error()} {answer.text()[:200]}")
            findings.extend(f"{name}: {what}: {problem}" for problem in problems)

        try:
            params = INPUTS[name](scene)
        except RuntimeError as error:
            findings.append(f"{name}: cannot be prepared: {error}")
            continue
        # What is wrong comes first: it must leave everything as it is, so that the right input still works after it.
        shape = operation.input_shape
        for what, bad in wrong(shape, params):
            ask(what, bad, succeeds=False)
        if "domain" in shape.members and name != "CreateDomain":
            ask("of a domain that is not there", {**params, "domain": "nothing-is-there"})
        ask("valid", params, succeeds=True)
        ask("the same again", params)
        ask("only what is required", {member: params[member] for member in shape.required_members})

    for finding in findings:
        print(re.sub(r"\s+", " ", finding))
    print(f"{checked} requests to {len(names or operations)} operations, {len(findings)} findings")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
