"""Generate the Python of the protos, with type stubs, into the folder given as argument."""

import sys
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).parent
INCLUDES = (ROOT, Path(protoc.__file__).parent / "_proto")


def generate(out: Path) -> int:
    """Write modules and stubs of every proto below this folder to `out`; return protoc's exit code."""
    out.mkdir(parents=True, exist_ok=True)
    plugins = [f"--{kind}={out}" for kind in ("python_out", "mypy_out", "grpc_python_out", "mypy_grpc_out")]
    protos = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "mangrove").rglob("*.proto"))
    code: int = protoc.main(["protoc", *(f"-I{path}" for path in INCLUDES), *plugins, *protos])
    for folder in {path.parent for path in out.rglob("*.py")}:
        for package in (folder, *folder.parents):
            if package == out:
                break
            (package / "__init__.py").touch()
    return code


if __name__ == "__main__":
    import os

    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    sys.exit(generate(Path(sys.argv[1])))
