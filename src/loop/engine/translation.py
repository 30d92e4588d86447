"""An expression as Spark computes it to the bits of DuckDB, or why it cannot.

Only operations are let through that mean the same to both: the tests compare each. What adds floats, whose
sum depends on the order of rows, picks any row, or runs Python of its own is refused before anything
runs.
"""

from collections.abc import Callable
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import ibis.expr.types as ir

from loop.base.errors import LoopError
from loop.engine import asof

SAME = {  # by name, so that an operation that a version of Ibis lacks is no error
    *("UnboundTable", "JoinReference", "JoinLink", "JoinChain", "Project", "Filter", "Aggregate", "Sort"),
    *("SortKey", "Union", "Distinct", "DropColumns", "Field", "Literal", "Cast", "Clip", "Round"),
    *("Equals", "NotEquals", "Greater", "GreaterEqual", "Less", "LessEqual", "And", "Or", "Not", "Between"),
    *("InValues", "IsNull", "NotNull", "IfElse", "SearchedCase", "Coalesce", "Greatest", "Least"),
    *("Add", "Subtract", "Multiply", "Divide", "Negate", "Abs", "TimestampAdd", "TimestampSub"),
    *("TimestampDelta", "ExtractYear", "ExtractMonth", "ExtractDay", "ExtractHour", "ExtractMinute"),
    *("CountStar", "Count", "Sum", "Min", "Max", "WindowFunction", "WindowBoundary", "Lag", "Lead"),
}
SIMPLE = (dt.Numeric, dt.Boolean, dt.Timestamp)


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def rint(value: float) -> float:  # type: ignore[empty-body]
    """The nearest whole number, of two as near the even one: how DuckDB makes an integer of a float."""


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def unix_micros(at: dt.timestamp) -> int:  # type: ignore[empty-body]
    """Microseconds since 1970."""


def of(expression: ir.Table, what: str) -> ir.Table:
    """The expression for Spark. Raises LoopError, with `what` it computes, where the bits might differ."""
    for node in expression.op().find(ops.Node):
        if why := _strange(node):
            raise LoopError(
                f"{what} cannot be computed on Spark to the same bits: it {why}",
                "operations that mean the same to DuckDB and to Spark (docs/scale.md)",
                "change it in src/problem/features.py, or set `engine: duckdb` in params.yaml",
            )
    changed: ir.Table = asof.without(expression).op().replace(_as_duckdb).to_expr()
    return changed


def _strange(node: Any) -> str | None:
    """Why a node may come out otherwise on Spark; None where it does not."""
    if isinstance(node, ops.ScalarUDF | ops.AggUDF):
        return f"calls `{node.__func_name__}`, a function of its own"
    if type(node).__name__ not in SAME:
        return f"uses {type(node).__name__}, which is not known to be the same"
    return next((why(node) for kind, same, why in LIMITS if isinstance(node, kind) and not same(node)), None)


def _same_cast(cast: Any) -> bool:
    """Numbers and truths of each other; of an instant an instant alone."""
    return isinstance(cast.to, SIMPLE) and (
        isinstance(cast.arg.dtype, dt.Timestamp) == isinstance(cast.to, dt.Timestamp)
    )


LIMITS: tuple[tuple[Any, Callable[[Any], bool], Callable[[Any], str]], ...] = (
    (
        ops.Sum,
        lambda one: not one.arg.dtype.is_floating(),
        lambda one: f"sums floats ({one.arg.to_expr().get_name()}), whose order counts: sum whole numbers",
    ),
    (
        ops.Round,
        lambda one: isinstance(one.digits, ops.Literal) and one.digits.value == 0,
        lambda _: "rounds to decimals: round to whole numbers",
    ),
    (
        ops.TimestampDelta,
        lambda one: one.part.value == "microsecond",
        lambda one: f"counts {one.part.value}s between instants: count microseconds",
    ),
    (ops.Cast, _same_cast, lambda one: f"makes {one.to} of {one.arg.dtype}"),
    (
        ops.JoinLink,
        lambda one: one.how in ("inner", "left", "asof", "semi", "anti"),
        lambda one: f"joins by `{one.how}`",
    ),
)


def _as_duckdb(node: Any, children: dict[str, Any] | None) -> Any:
    """The node in words of Spark, where its own word means something else."""
    node = node.__recreate__(children) if children else node
    if isinstance(node, ops.Cast) and node.arg.dtype.is_floating() and node.to.is_integer():
        return ops.Cast(rint(ops.Cast(node.arg, dt.float64).to_expr()).op(), node.to)
    if isinstance(node, ops.Sort):
        return node.parent  # no result hangs on it; of sorted rows Ibis writes a DISTINCT that is none
    if isinstance(node, ops.Literal) and node.dtype.is_floating() and node.value is not None:
        return ops.Cast(node, dt.float64)  # Spark takes 0.5 for a decimal, which divides otherwise
    if isinstance(node, ops.TimestampDelta):
        return (unix_micros(node.left.to_expr()) - unix_micros(node.right.to_expr())).op()
    return node
