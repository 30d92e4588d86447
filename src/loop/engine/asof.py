"""As-of joins by what every SQL engine has: a union, a running maximum and a join of equals.

Of each row of the left, the newest instant of its entity is the maximum of those before it; the row of that
instant is joined by it. So an entity with half of all rows costs a sort, not a product.
"""

from typing import Any

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir

from loop.base.errors import LoopError

FLIPPED = {ops.LessEqual: ops.GreaterEqual, ops.Less: ops.Greater}


def without(expression: ir.Table) -> ir.Table:
    """The same rows without an as-of join. Raises LoopError for one that looks ahead in time."""
    changed: ir.Table = expression.op().replace(_replaced).to_expr()
    return changed


def _replaced(node: Any, children: dict[str, Any] | None) -> Any:
    node = node.__recreate__(children) if children else node
    if isinstance(node, ops.JoinChain) and any(link.how == "asof" for link in node.rest):
        return _portable(node)
    return node


def _portable(chain: ops.JoinChain) -> ops.Relation:
    if len(chain.rest) > 1:
        raise LoopError(
            "an as-of join is written in one chain with another join",
            "an as-of join by itself",
            "put `.select(...)` between the two, then run again",
        )
    first, link = chain.first, chain.rest[0]
    on, *alike = (_sides(one, first) for one in link.predicates)
    newest, left_at, right_at = on
    if newest not in (ops.GreaterEqual, ops.Greater):
        raise LoopError(
            "an as-of join looks for a row that is known later",
            "the newest row at or before an instant (>= or >)",
            "join on `left.at >= right.known_at`, then run again",
        )
    left, right = first.parent.to_expr(), link.table.parent.to_expr()
    keys = [f"key_{place}" for place in range(len(alike))]
    names = {name: f"left_{place}" for place, name in enumerate(left.columns)}
    others = {name: f"right_{place}" for place, name in enumerate(right.columns)}
    rows = left.select(
        **{new: left[old] for old, new in names.items()},
        **{key: _of(of, first, left) for key, (_, of, _) in zip(keys, alike, strict=True)},
        at=_of(left_at, first, left),
    )
    log = right.select(
        **{new: right[old] for old, new in others.items()},
        **{key: _of(of, link.table, right) for key, (_, _, of) in zip(keys, alike, strict=True)},
        at=_of(right_at, link.table, right),
    )
    log = log.filter(log["at"].notnull())
    joined = _newest(rows, log, keys, list(names.values()), at_once=newest is ops.GreaterEqual)
    places = {ops.Field(first, old): joined[new].op() for old, new in names.items()}
    places |= {ops.Field(link.table, old): joined[new].op() for old, new in others.items()}
    values = {name: value.replace(places).to_expr() for name, value in chain.values.items()}
    found: ops.Relation = joined.select(**values).op()
    return found


def _newest(rows: ir.Table, log: ir.Table, keys: list[str], kept: list[str], *, at_once: bool) -> ir.Table:
    """`rows` with the log's row of the newest instant before each, or `at_once` as well."""
    none = ibis.null(rows["at"].type())
    asked = rows.mutate(known=none, order=int(at_once))  # at one instant the log's row comes first, or last
    types = {name: asked[name].type() for name in kept}
    known = log.select(
        **{name: ibis.null(kind) for name, kind in types.items()},
        **{key: log[key].cast(rows[key].type()) for key in keys},
        at=log["at"].cast(rows["at"].type()),
        known=log["at"].cast(rows["at"].type()),
        order=1 - int(at_once),
    )
    both = ibis.union(asked.select(known.columns), known)
    so_far = ibis.cumulative_window(group_by=keys, order_by=["at", "order"])
    both = both.mutate(known=both["known"].max().over(so_far))
    asked = both.filter(both["order"] == int(at_once))
    asked = asked.mutate(known=ibis.ifelse(asked["at"].notnull(), asked["known"], none))
    alike = [asked["known"] == log["at"], *(asked[key] == log[key] for key in keys)]
    of_log = [name for name in log.columns if name not in (*keys, "at")]
    joined = asked.left_join(log, alike, rname="{name}_of_log")
    return joined.select(*kept, *of_log)


def _sides(predicate: Any, first: Any) -> tuple[type, Any, Any]:
    """The kind of a comparison, and its two values: that of the first table, that of the other."""
    if first in predicate.left.relations:
        return type(predicate), predicate.left, predicate.right
    return FLIPPED.get(type(predicate), type(predicate)), predicate.right, predicate.left


def _of(value: Any, reference: Any, table: ir.Table) -> ir.Value:
    """A value of a join's reference as one of the table itself."""
    fields = {ops.Field(reference, name): table[name].op() for name in table.columns}
    return value.replace(fields).to_expr()
