"""Finding the app that `_HANDLER` names."""

import importlib
import traceback

from streaming.adapter import ASGIApp
from streaming.report import Report


class CannotLoad(Exception):
    """There is no app; `report` is for Lambda and has the kinds of its managed runtime."""

    def __init__(self, report: Report) -> None:
        super().__init__(report.kind)
        self.report = report


def load(name: str) -> ASGIApp:
    """Import `package.module.attribute`; the attribute is a Mangum object, and its `app` is meant.

    Raises CannotLoad, whatever the import raised.
    """
    module_name, _, attribute = name.replace("/", ".").rpartition(".")
    if not module_name:
        raise CannotLoad(_fault("MalformedHandlerName", f"{name!r} is not module.attribute"))
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise CannotLoad(_fault("ImportModuleError", f"no module {error.name}", error)) from error
    except ImportError as error:
        text = f"{module_name}: something is missing in {error.name}"
        raise CannotLoad(_fault("ImportModuleError", text, error)) from error
    except SyntaxError as error:
        text = f"syntax error at {error.filename}:{error.lineno}"
        raise CannotLoad(_fault("UserCodeSyntaxError", text, error)) from error
    except (Exception, SystemExit) as error:
        raise CannotLoad(Report.of(error)) from error
    handler = getattr(module, attribute, None)
    if handler is None:
        raise CannotLoad(_fault("HandlerNotFound", f"{module_name} has no {attribute}"))
    app = getattr(handler, "app", None)
    if not callable(app):
        raise CannotLoad(_fault("HandlerNotStreaming", f"{name} is not a Mangum object"))
    return app  # type: ignore[no-any-return]


def _fault(kind: str, detail: str, error: BaseException | None = None) -> Report:
    frames = traceback.extract_tb(error.__traceback__)[-8:] if error else ()
    where = (f"{f.filename}:{f.lineno}" for f in frames if "importlib" not in f.filename)
    return Report(f"Runtime.{kind}", tuple(where), detail)
