"""Reads XML texts, a JSON list on standard input, as Python's own reader does: per text, every element in order."""

import json
import sys
import xml.etree.ElementTree as tree


def elements(element, depth):
    text = (element.text or "") + "".join(child.tail or "" for child in element)
    attributes = sorted([name, value] for name, value in element.attrib.items() if "{" not in name)
    yield [depth, element.tag.rpartition("}")[2], "".join(text.split()), attributes]
    for child in element:
        yield from elements(child, depth + 1)


texts = json.load(sys.stdin)
json.dump([list(elements(tree.fromstring(text.encode()), 0)) for text in texts], sys.stdout)
