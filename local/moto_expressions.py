"""moto's expressions, parsed once, and walked through and copied in less time; its items, made so.

moto parses the expression of each write anew, copies the tree by `copy.deepcopy`, walks through it
ten times and asks each node for each walk which of its abstract classes it has: that was most of
what a transaction took. The answers and the errors are moto's own.
"""

import copy
from collections import deque
from functools import lru_cache
from typing import Any

from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.exceptions import ItemSizeTooLarge
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.models.utilities import bytesize
from moto.dynamodb.parsing.ast_nodes import (  # type: ignore[attr-defined]
    DepthFirstTraverser,
    Expression,
    Node,
    UpdateExpressionFunction,
)
from moto.dynamodb.parsing.expressions import UpdateExpressionParser  # type: ignore[attr-defined]

KEPT = 1000  # expressions, of which the project has fewer
MOST_BYTES = 405_000  # of an item, as in moto's `LimitedSizeDict`

_stock_lex = ConditionExpressionParser._lex_condition_expression

# In place of `UpdateExpressionParser.make`. Whoever changes a tree copies it before.
update_tree = staticmethod(lru_cache(KEPT)(UpdateExpressionParser.make))


def lex(parser: ConditionExpressionParser) -> deque[Any]:
    """In place of `ConditionExpressionParser._lex_condition_expression`."""
    return deque(_lexed(parser.condition_expression))


@lru_cache(KEPT)
def _lexed(expression: str) -> tuple[Any, ...]:
    return tuple(_stock_lex(ConditionExpressionParser(expression, None, None)))


def copy_node(node: Node, memo: dict[int, Any]) -> Node:
    """As `Node.__deepcopy__`: the tree below a node. The copied root has no parent."""
    made = object.__new__(type(node))
    children = node.children and [copy.deepcopy(child, memo) for child in node.children]
    made.__dict__.update(node.__dict__, children=children, parent=None)
    for child in children or ():
        if isinstance(child, Node):
            child.parent = made
    return made


def make_item(
    item: Item, hash_key: DynamoType, range_key: DynamoType | None, attrs: dict[str, Any]
) -> None:
    """In place of `Item.__init__`, which adds up all sizes once more for each attribute."""
    item.hash_key, item.range_key, item.attrs = hash_key, range_key, LimitedSizeDict()
    made = {name: DynamoType(value) for name, value in attrs.items()}
    if sum(bytesize(name) + value.size() for name, value in made.items()) > MOST_BYTES:
        raise ItemSizeTooLarge
    dict.update(item.attrs, made)


def traverse(traverser: DepthFirstTraverser, root: Node) -> Node:
    """In place of `DepthFirstTraverser.traverse`."""
    processing = traverser._processing_map()
    classes = tuple(processing)

    def visit(node: Node, number: int) -> Node:
        parent = node.parent
        for child_number, child in enumerate(node.children or ()):
            traverser.pre_processing_of_child(node, child_number)
            if isinstance(child, Node):
                visit(child, child_number)
        found = _first_of(type(node), classes)
        if found is None:
            return node
        node = processing[found](node)
        node.parent = parent
        if parent:
            parent.children[number] = node
        return node

    return visit(root, -1)


def find_clauses(node: Node, clause_types: list[type[Node]]) -> list[Node]:
    """In place of `Node.find_clauses`."""
    found: list[Node] = []
    for child in node.children or ():
        if type(child) in clause_types:
            found.append(child)
        elif _first_of(type(child), (Expression, UpdateExpressionFunction)):
            found += find_clauses(child, clause_types)
    return found


def _first_of(kind: Any, classes: tuple[Any, ...]) -> Any:
    """The first of these classes that a class is, or None."""
    found = _known.get((kind, classes), _known)
    if found is _known:
        found = next((each for each in classes if issubclass(kind, each)), None)
        _known[kind, classes] = found
    return found


_known: dict[tuple[Any, ...], Any] = {}
