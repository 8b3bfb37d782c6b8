"""Make `docs/errors.md`: every message of the package with its code, from the sources.

The sources are parsed, not run, so a message appears here with its template, such as
``{name} has no rows``. Variables that contain one of a few texts are replaced by these texts.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import get_args

from generate.reader_texts import reader_texts
from generate.tables import markdown
from jpegcompile import errors
from jpegcompile.jpeg.failures import FailureKind, failure_error

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("jpegcompile", "passes", "kernels")
# Of a value in a template, longer expressions than this are left out.
LONGEST = 24
ERRORS = (
    errors.CheckFailedError,
    errors.UsageError,
    errors.UnsupportedModelError,
    errors.ImageError,
    errors.AccessError,
    errors.InternalError,
)
REASONS, NOTES = "Reasons", "Notes"
_GROUP_OF = {error.__name__: error.__name__ for error in ERRORS} | {"note": NOTES}
_HEAD = """# Messages and their codes

`python docs/make.py` makes this page from the sources. Every error, every reason in a report and
every note has a stable code. The words of a message may change from one version to the next; its
code does not.

- On the command line the code is in brackets at the end of the line on standard error.
- In Python it is the attribute `code` of the error, of a reason (`node.reason.code`) or of a note.
  `jpegcompile.messages.code_of` returns it for any text.
- A message that contains another one has the code of that message.

`{...}` stands for a value of your model, file or call, and `one / other` for one of two texts.
"""
_INTRODUCTIONS = {
    REASONS: "Reports show these texts: why a node stays spatial, or why something is not read."
    " Errors contain them too; such an error has the code of its reason.",
    NOTES: "Remarks in a report. Nothing failed.",
}


@dataclass(frozen=True)
class Text:
    """A message in the sources: where it belongs on the page, its code and its template."""

    group: str
    code: str
    template: str


def page() -> str:
    """Return the page as Markdown."""
    of_reader = list(_texts_of_reader())
    codes = {text.code for text in of_reader}
    others = {text for text in _texts() if text.code not in codes}
    texts = sorted(others | {*of_reader}, key=lambda text: (text.code, text.template))
    parts = [_HEAD]
    for group in [*(error.__name__ for error in ERRORS), REASONS, NOTES]:
        rows = [(f"`{text.code}`", text.template) for text in texts if text.group == group]
        if rows:
            table = markdown(("code", "message"), rows)
            parts.append(f"## {group}\n\n{_introduction(group)}\n\n{table}\n")
    return "\n".join(parts)


def _introduction(group: str) -> str:
    if group in _INTRODUCTIONS:
        return _INTRODUCTIONS[group]
    error = getattr(errors, group)
    summary = (error.__doc__ or "").strip().splitlines()[0]
    return f"Exit code {error.exit_code}. {summary}"


def _texts() -> Iterator[Text]:
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if any(parent.is_symlink() for parent in path.parents):
                continue
            if "Message(" in path.read_text(encoding="utf-8"):
                yield from _texts_of(_with_variables(_with_constants(_parsed(path))))


def _texts_of_reader() -> Iterator[Text]:
    for kind in get_args(FailureKind):
        for text in reader_texts(kind):
            cause = text.replace("{name}{advice}", "{kind}; {advice}")
            # The system's own messages are only values.
            cause = cause if " " in cause else "{error}"
            error = failure_error(kind, cause, "{name}")
            yield Text(type(error).__name__, error.code, _escaped(str(error)))


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _with_constants(tree: ast.Module) -> ast.Module:
    """Return a module in which format strings and messages contain the texts of constants."""
    constants = dict(_constants(tree))
    for part in tree.body:
        if isinstance(part, ast.ImportFrom):
            others = _constants_of_module(part.module or "")
            constants |= {one.name: others[one.name] for one in part.names if one.name in others}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            node.values = [
                constants.get(ast.unparse(value.value), value)
                if isinstance(value, ast.FormattedValue)
                else value
                for value in node.values
            ]
        elif isinstance(node, ast.Call) and _name(node) == "Message":
            node.args[1] = constants.get(ast.unparse(node.args[1]), node.args[1])
    return tree


@cache
def _constants_of_module(module: str) -> dict[str, ast.expr]:
    path = ROOT / (module.removeprefix("jpegcompile.passes.").replace(".", "/") + ".py")
    return dict(_constants(_parsed(path))) if path.is_file() else {}


def _constants(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if _is_text(value):
                yield name, value


def _with_variables(tree: ast.Module) -> ast.Module:
    """Return a module in which messages contain their text in place of a variable with it."""
    for function in (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)):
        nodes = list(ast.walk(function))
        assigned = [n for n in nodes if isinstance(n, ast.Assign) and _is_text(n.value)]
        for call in (n for n in nodes if isinstance(n, ast.Call) and _name(n) == "Message"):
            name = ast.unparse(call.args[1])
            before = [
                n for n in assigned if ast.unparse(n.targets[0]) == name and n.lineno < call.lineno
            ]
            if before:
                call.args[1] = max(before, key=lambda n: n.lineno).value
            for text in ast.walk(call.args[1]):
                if isinstance(text, ast.JoinedStr):
                    text.values = [_with_texts(value, function) for value in text.values]
    return tree


def _with_texts(value: ast.expr, function: ast.FunctionDef) -> ast.expr:
    """Return the texts of a variable that a part of a format string names, or the part.

    The variable counts if all its values are texts from lines above, and none is empty. The
    statement that the part belongs to, such as ``text = f"{text} ..."``, gives no value.
    """
    if not isinstance(value, ast.FormattedValue) or not isinstance(value.value, ast.Name):
        return value
    name = value.value.id
    assigned = [
        node
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and [ast.unparse(one) for one in node.targets] == [name]
    ]
    own = {id(node.targets[0]) for node in assigned if any(n is value for n in ast.walk(node))}
    stored = [
        node
        for node in ast.walk(function)
        if isinstance(node, ast.Name | ast.arg)
        and name == (node.id if isinstance(node, ast.Name) else node.arg)
        and not isinstance(getattr(node, "ctx", None), ast.Load)
        and id(node) not in own
    ]
    texts = [
        node.value
        for node in assigned
        if _is_choice(node.value) and (node.end_lineno or node.lineno) < value.lineno
    ]
    if not texts or len(stored) != len(texts):
        return value
    chosen = texts[0]
    for other in texts[1:]:
        chosen = ast.IfExp(ast.Constant(True), chosen, other)
    return chosen


def _is_choice(value: ast.expr) -> bool:
    """Whether an expression is a text, or one of several texts, none of them empty."""
    if isinstance(value, ast.IfExp):
        return _is_choice(value.body) and _is_choice(value.orelse)
    return _is_text(value) and ast.unparse(value) not in ("''", "f''")


def _is_text(value: ast.expr) -> bool:
    is_string = isinstance(value, ast.Constant) and isinstance(value.value, str)
    return is_string or isinstance(value, ast.JoinedStr)


def _texts_of(tree: ast.AST, group: str = REASONS, scope: ast.AST | None = None) -> Iterator[Text]:
    """Yield the messages below a node.

    Args:
        tree: node of the sources.
        group: group of a message that is directly below; the innermost call decides it.
        scope: innermost function or module around the node, where names are looked up.
    """
    scope = scope or tree
    for node in ast.iter_child_nodes(tree):
        inner, within = group, scope
        match node:
            case ast.FunctionDef():
                within = node
                inner = _group_of_users(node.name, tree)
            case ast.Assign(targets=[ast.Name(id=name)]):
                inner = _group_of_users(name, scope)
            case ast.Call():
                inner = _GROUP_OF.get(_name(node), REASONS)
                if _name(node) == "Message" and isinstance(node.args[0], ast.Constant):
                    value = _looked_up(node.args[1], scope)
                    yield Text(group, str(node.args[0].value), _template(value))
        yield from _texts_of(node, inner, within)


def _group_of_users(name: str, scope: ast.AST) -> str:
    """Return the group of the first error or note that is created with a variable."""
    for call in _users(scope):
        if any(_names(argument, name) for argument in call.args):
            return _GROUP_OF[_name(call)]
    return REASONS


@cache
def _users(scope: ast.AST) -> list[ast.Call]:
    """Return the calls in a scope that create an error or a note."""
    calls = (node for node in ast.walk(scope) if isinstance(node, ast.Call))
    return [call for call in calls if _name(call) in _GROUP_OF]


def _names(argument: ast.expr, name: str) -> bool:
    """Whether an argument is a variable, an element of it, or the result of a function."""
    match argument:
        case ast.Subscript(value=inner) | ast.Call(func=inner):
            return _names(inner, name)
    return (isinstance(argument, ast.Name) and argument.id == name) or (
        isinstance(argument, ast.Attribute) and argument.attr == name
    )


def _looked_up(value: ast.expr, scope: ast.AST) -> ast.expr:
    """Return the last expression assigned to a variable before its use; other values unchanged."""
    if not isinstance(value, ast.Name):
        return value
    assigned = [
        node
        for node in ast.walk(scope)
        if isinstance(node, ast.Assign)
        and node.lineno < value.lineno
        and any(isinstance(one, ast.Name) and one.id == value.id for one in node.targets)
    ]
    return max(assigned, key=lambda node: node.lineno).value if assigned else value


def _name(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _template(value: ast.expr) -> str:
    """Return the text of an expression, with values in braces, fit for a cell of a table."""
    return _escaped(" ".join(_raw(value).split()))


def _escaped(text: str) -> str:
    return re.sub(r"([|<>*_`\[\]\\])", r"\\\1", text)


def _raw(value: ast.expr) -> str:
    match value:
        case ast.Constant(value=constant):
            return str(constant)
        case ast.JoinedStr(values=parts):
            return "".join(map(_raw, parts))
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _raw(left) + _raw(right)
        case ast.FormattedValue(value=inner):
            return _raw(inner) if isinstance(inner, ast.JoinedStr) else _braced(inner)
        case ast.IfExp(body=body, orelse=orelse):
            return f"{_raw(body)} / {_raw(orelse)}"
        case _:
            return _braced(value)


def _braced(value: ast.expr) -> str:
    """Return a short name of a value in braces."""
    return f"{{{_short(value).removeprefix('self.').lstrip('_')}}}"


def _short(value: ast.expr) -> str:
    """Return a name or attribute; of a call its first argument; else the first name within."""
    text = ast.unparse(value)
    if re.fullmatch(r"[\w.]+", text) and len(text) <= LONGEST:
        return text
    match value:
        case ast.Call(args=[first, *_]):
            return _short(first)
        case ast.Call(func=ast.Attribute(attr=name)) | ast.Attribute(attr=name):
            return name
        case ast.GeneratorExp(generators=[first, *_]) | ast.ListComp(generators=[first, *_]):
            return _short(first.iter)
        case ast.Subscript(value=inner):
            return _short(inner)
    names = [node.id for node in ast.walk(value) if isinstance(node, ast.Name)]
    return names[0] if names else "..."
