"""Files of JSON in which one thing is another than what was written: for the tests of those who read them."""
from __future__ import annotations

import copy
import json
import random

OTHERS = [None, True, False, 0, 1, -1, 3, 2.5, 1e9, 1e30, 10 ** 30, float("nan"), float("inf"), "", "x", "1", [], [1],
          {}, {"a": 1}]


def places(node):
    """(container, key) of everything in a JSON value."""
    for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
        yield node, key
        if isinstance(value, (dict, list)):
            yield from places(value)


def mutants(path, count, seed=0):
    """Write `count` of them in the place of the JSON file at `path`; gives the changed value of each."""
    text, chance = path.read_text(), random.Random(seed)
    for _ in range(count):
        value = json.loads(text)
        container, key = chance.choice(list(places(value)))
        what = chance.random()
        if what < 0.2 and isinstance(container, dict):
            del container[key]
        elif what < 0.4:
            other, place = chance.choice(list(places(value)))
            container[key] = copy.deepcopy(other[place])
        else:
            container[key] = chance.choice(OTHERS)
        path.write_text(json.dumps(value))
        yield value
    path.write_text(text)
