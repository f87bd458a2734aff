"""What is in the dependencies and not deployed: tests, tools, and what no function imports.

Where a function comes to need more, the tests of what is staged say so: they import every function,
follow every import statement, and make every AWS client that the code makes.
"""

import shutil
from pathlib import Path

# Of botocore, which is mostly descriptions of AWS's 400 services: those that functions call.
SERVICES = frozenset(
    {"bedrock-agent-runtime", "bedrock-runtime", "dynamodb", "s3", "secretsmanager", "ssm"}
)

_UNWANTED = (
    ".lock",  # uv's
    "bin",  # commands
    "**/tests",
    "**/.agents",  # words to coding assistants
    "**/__pycache__",
    "**/*.pyi",  # for type checkers
    "**/py.typed",
    "**/*.[ch]",
    "cffi",  # cryptography needs _cffi_backend only
    "cffi-*.dist-info",
    "pycparser*",  # cffi's
    "aws_lambda_powertools/event_handler",  # routing; the functions have FastAPI
    "aws_lambda_powertools/utilities/parser",
    "botocore/data/*/*/*examples-1.json",
    "boto3/data/*",  # resources; the functions make clients only
    "boto3/examples",
)
_OF_METADATA = ("METADATA", "entry_points.txt")  # what importlib.metadata is asked for


def trim(packages: Path) -> None:
    """Remove it from the installed packages in this folder."""
    for pattern in _UNWANTED:
        for path in list(packages.glob(pattern)):
            _remove(path)
    for metadata in packages.glob("*.dist-info"):
        for path in metadata.iterdir():
            if path.name not in _OF_METADATA:
                _remove(path)
    for service in (packages / "botocore" / "data").iterdir():
        if service.is_dir() and service.name not in SERVICES:
            _remove(service)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
