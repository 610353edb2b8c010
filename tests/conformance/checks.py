"""What every answer must be: of the operation's output shape, or one of its declared errors."""

import numbers

# Errors that the model does not declare for an operation and the embedded service gives all the same: there is no
# declared one that says that the domain does not exist.
CHOSEN = {("DeleteDomain", "ResourceNotFoundException")}


def check_answer(wire, operation, answer):
    """What is wrong with an answer."""
    if answer.status == 200:
        yield from _check_output(wire, operation, answer)
    elif answer.status >= 400:
        yield from _check_error(wire, operation, answer)
    else:
        yield f"its status is {answer.status}"


def _check_output(wire, operation, answer):
    try:
        wire.parse(operation, answer)
    except Exception as error:  # Whatever botocore's parser cannot read.
        yield f"botocore cannot read the answer: {error!r}"
        return
    shape = operation.output_shape
    if shape is None:
        return
    for name, member in shape.members.items():
        header = member.serialization.get("name", name)
        if member.serialization.get("location") == "header" and header not in answer.headers:
            yield f"the header {header} is missing"
    if "payload" in shape.serialization:
        return
    try:
        body = answer.json()
    except ValueError as error:
        yield f"the body is not JSON: {error}"
        return
    yield from _check_value(shape, body, "answer")


def _check_error(wire, operation, answer):
    name = answer.error()
    declared = {shape.name: shape for shape in operation.error_shapes}
    if (operation.name, name) in CHOSEN:
        declared[name] = wire.model.shape_for(name)
    if name not in declared:
        yield f"{name or 'an error without a name'} ({answer.status}) is not declared; {answer.text()[:200]}"
        return
    shape = declared[name]
    try:
        parsed = wire.parse(operation, answer)["Error"]
        body = answer.json()
    except Exception as error:  # Whatever botocore's parser cannot read.
        yield f"botocore cannot read the error: {error!r}"
        return
    status = shape.metadata["error"]["httpStatusCode"]
    if answer.status != status:
        yield f"{name} has status {answer.status}, and {status} is declared"
    if parsed["Code"] != name or not parsed.get("Message"):
        yield f"botocore reads `{parsed.get('Code')}` with the message `{parsed.get('Message')}`"
    if "Retry-After" in answer.headers and "retryAfterSeconds" not in shape.members:
        yield f"{name} has a Retry-After"
    yield from _check_value(shape, body, name)


def _check_value(shape, value, place):
    """Of its type, with every required member and none that the model does not know."""
    if value is None:
        yield f"{place} is null, and should be left out"
    elif shape.type_name == "structure":
        if not isinstance(value, dict):
            yield f"{place} is no object"
            return
        members = {
            member.serialization.get("name", name): (name, member)
            for name, member in shape.members.items()
            if member.serialization.get("location") is None
        }
        for key, inner in value.items():
            if key not in members:
                yield f"{place} has the unknown member {key}"
            else:
                yield from _check_value(members[key][1], inner, f"{place}.{key}")
        present = {members[key][0] for key in value if key in members}
        for name in set(shape.required_members) & {name for name, _ in members.values()} - present:
            yield f"{place} has no {name}"
        # The service leaves no list out that it pages: the CLI prints stray nulls then.
        lists = {name for name, member in members.values() if member.type_name == "list"}
        if place == "answer" and "nextToken" in shape.members:
            for name in lists - present:
                yield f"{place} has no {name}"
    elif shape.type_name == "list":
        if not isinstance(value, list):
            yield f"{place} is no list"
            return
        for index, inner in enumerate(value):
            yield from _check_value(shape.member, inner, f"{place}[{index}]")
    elif shape.type_name == "map":
        if not isinstance(value, dict):
            yield f"{place} is no map"
            return
        for key, inner in value.items():
            yield from _check_value(shape.key, key, f"{place} key {key}")
            yield from _check_value(shape.value, inner, f"{place}.{key}")
    elif shape.type_name in ("string", "character"):
        if not isinstance(value, str):
            yield f"{place} is no text"
        elif shape.enum and value not in shape.enum:
            yield f"{place} is `{value}`, which the model does not have"
    elif shape.type_name == "boolean":
        if not isinstance(value, bool):
            yield f"{place} is no truth value"
    elif shape.type_name in ("integer", "long"):
        if not isinstance(value, int) or isinstance(value, bool):
            yield f"{place} is no whole number"
    elif shape.type_name in ("timestamp", "float", "double"):
        # Seconds since 1970, as JSON 1.1 has them.
        if not isinstance(value, numbers.Real) or isinstance(value, bool):
            yield f"{place} is no number"
    else:
        yield f"{place} has the type {shape.type_name}, which is not looked at"
