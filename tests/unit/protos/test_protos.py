"""What is promised of the schema: every field says what it means, and the committed Python is the schema's."""

import filecmp
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2
from grpc_tools import protoc

PROTOS = Path(__file__).parents[3] / "protos"


def described() -> list[tuple[str, str]]:
    """(name, leading comment) of every field, value, message, service and method."""
    files = [str(p.relative_to(PROTOS)) for p in sorted((PROTOS / "mangrove").rglob("*.proto"))]
    include = Path(protoc.__file__).parent / "_proto"
    with tempfile.NamedTemporaryFile() as out:
        arguments = [f"-I{PROTOS}", f"-I{include}", "--include_source_info", f"--descriptor_set_out={out.name}"]
        assert protoc.main(["protoc", *arguments, *files]) == 0
        described_files = descriptor_pb2.FileDescriptorSet.FromString(Path(out.name).read_bytes())
    return [pair for file in described_files.file for pair in _comments(file)]


def _comments(file: descriptor_pb2.FileDescriptorProto) -> list[tuple[str, str]]:
    comments = {tuple(location.path): location.leading_comments for location in file.source_code_info.location}
    found: list[tuple[str, str]] = []
    for m, message in enumerate(file.message_type):
        found.append((message.name, comments.get((4, m), "")))
        found += [
            (f"{message.name}.{field.name}", comments.get((4, m, 2, f), "")) for f, field in enumerate(message.field)
        ]
    for e, enum in enumerate(file.enum_type):
        found += [(f"{enum.name}.{value.name}", comments.get((5, e, 2, v), "")) for v, value in enumerate(enum.value)]
    for s, service in enumerate(file.service):
        found += [
            (f"{service.name}.{method.name}", comments.get((6, s, 2, m), "")) for m, method in enumerate(service.method)
        ]
    return found


def test_every_field_says_what_it_means() -> None:
    assert [name for name, comment in described() if len(comment.strip()) < 5] == []


def test_every_field_of_the_event_says_what_its_zero_value_means() -> None:
    source = (PROTOS / "mangrove/event/v1/event.proto").read_text()
    words = ("Empty", "Zero", "Unset", "Unspecified", "zero")
    names = {line.split()[1] for line in source.splitlines() if line.startswith("message ")}
    silent = [n for n, c in described() if "." in n and n.split(".")[0] in names and not any(w in c for w in words)]
    assert silent == []


@pytest.mark.slow
def test_the_committed_python_is_what_the_schema_generates(tmp_path: Path) -> None:
    subprocess.run([sys.executable, PROTOS / "generate.py", tmp_path], check=True, capture_output=True)
    generated = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*.py*") if "__pycache__" not in p.parts)
    committed = PROTOS / "gen/python"
    assert (
        sorted(p.relative_to(committed) for p in committed.rglob("*.py*") if "__pycache__" not in p.parts) == generated
    )
    assert [p for p in generated if not filecmp.cmp(tmp_path / p, committed / p, shallow=False)] == []
