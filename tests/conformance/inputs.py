"""Wrong inputs, made of a right one and the model's rules: presence, length, pattern, enumeration, range."""

import re

# As the API's documentation writes it, in Python's words.
_CLASSES = [
    (r"\P{C}", r"[^\x00-\x1f\x7f]"),
    (r"\p{C}", r"\x00-\x1f\x7f"),
    (r"\p{IsWhitespace}", r"\s"),
]


def wrong(shape, params):
    """Descriptions and inputs, each with one thing wrong."""
    for name, member in shape.members.items():
        if name in params:
            for what, value in _wrong_value(member, params[name]):
                yield f"{name} {what}", {**params, name: value}
            if name in shape.required_members:
                yield f"{name} missing", {key: value for key, value in params.items() if key != name}
        else:
            for what, value in _wrong_scalar(member):
                yield f"{name} {what}", {**params, name: value}


def _wrong_value(shape, value):
    if shape.type_name == "structure":
        for what, inner in wrong(shape, value):
            yield f". {what}", inner
    elif shape.type_name == "list":
        least, most = shape.metadata.get("min", 0), shape.metadata.get("max")
        if least:
            yield "is an empty list", []
        if most and value:
            yield f"has {most + 1} items", [_numbered(value[0], number) for number in range(most + 1)]
        if value:
            for what, inner in _wrong_value(shape.member, value[0]):
                yield f"[0] {what}", [inner, *value[1:]]
    elif shape.type_name == "map":
        for key, inner in value.items():
            for what, bad in _wrong_value(shape.key, key):
                yield f"key {what}", {bad: inner}
            for what, bad in _wrong_value(shape.value, inner):
                yield f"value {what}", {key: bad}
    else:
        yield from _wrong_scalar(shape)


def _numbered(item, number):
    """Another item of a list: what counts is how many there are, not that two are alike."""
    if isinstance(item, str):
        return f"{item[:20]}{number}"
    return {key: f"{value[:20]}{number}" if isinstance(value, str) else value for key, value in item.items()}


def _wrong_scalar(shape):
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if shape.type_name == "string":
        if shape.enum:
            yield "of no such value", "nonsense"
            yield "in the other case", shape.enum[0].swapcase()
            return
        pattern = _compiled(shape)
        if least:
            yield "empty", ""
        if least and least > 1:
            yield "too short", _fitting(pattern, least - 1)
        if most:
            yield "too long", _fitting(pattern, most + 1)
        # A header with a control character is refused by HTTP itself.
        texts = _VIOLATIONS[1:] if shape.serialization.get("location") == "header" else _VIOLATIONS
        violation = next((text for text in texts if pattern and not pattern.fullmatch(text)), None)
        if violation is not None:
            length = max(least or 1, len(violation))
            yield "out of its pattern", (violation * length)[:length]
    elif shape.type_name in ("integer", "long"):
        if least is not None:
            yield f"below {least}", least - 1
        if most is not None:
            yield f"above {most}", most + 1
        yield "no number", "many"


_VIOLATIONS = ["a\u0007b", "a b", "a/b", "#a#", "A_!b"]


def _fitting(pattern, length):
    """Text of this length, within the pattern but for its length if there is such text."""
    texts = [character * length for character in "a1"]
    return next((text for text in texts if pattern and _loose(pattern).fullmatch(text)), texts[0])


def _loose(pattern):
    return re.compile(re.sub(r"\{\d+(,\d+)?\}", "*", pattern.pattern))


def _compiled(shape):
    pattern = shape.metadata.get("pattern")
    if pattern is None:
        return None
    for documented, python in _CLASSES:
        pattern = pattern.replace(documented, python)
    return re.compile(pattern)
