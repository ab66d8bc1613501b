"""Whatever fails, whoever logs it: standard error holds JSON lines of types and places, and never a value."""

import json
import subprocess
import sys
from typing import Any

import pytest

SECRET = "13800138000"

BEGIN = f"""
from services import log
log.configure()
SECRET = "{SECRET}"
def fail(*_):
    raise ValueError(f"cannot read {{SECRET}}")
"""

CASES = {
    "a library's message": "import logging; logging.getLogger('deltalake').warning('rows of %s', SECRET)",
    "a library's formatted message": "import logging; logging.getLogger('x').error(f'rows of {SECRET}')",
    "a library's arguments that do not fit": "import logging; logging.getLogger('x').error('%d of %d', SECRET)",
    "a library's exception": """
import logging
try:
    fail()
except ValueError:
    logging.getLogger("x").exception("it failed")
""",
    "an exception of ours": """
import structlog
try:
    fail()
except ValueError as error:
    structlog.get_logger().exception("it_failed", error=error)
""",
    "a task that nobody waited for": """
import asyncio, gc
async def lost():
    fail()
async def main():
    asyncio.create_task(lost())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gc.collect()
asyncio.run(main())
""",
    "a callback of the loop": """
import asyncio
async def main():
    asyncio.get_running_loop().call_soon(fail)
    await asyncio.sleep(0)
asyncio.run(main())
""",
    "a thread": "import threading; one = threading.Thread(target=fail); one.start(); one.join()",
    "an object that goes": """
class Held:
    def __del__(self):
        fail()
held = Held()
del held
""",
    "a warning": "import warnings; warnings.warn(f'deprecated: {SECRET}')",
    "the process itself": "fail()",
    "the process, from another error": """
try:
    fail()
except ValueError:
    raise RuntimeError(SECRET)
""",
}

SERVICER = """
import asyncio, grpc
async def main():
    server = grpc.aio.server()
    method = grpc.unary_unary_rpc_method_handler(fail)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("a.B", {"C": method})])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            await channel.unary_unary("/a.B/C")(SECRET.encode())
        except grpc.RpcError:
            pass
    await server.stop(None)
asyncio.run(main())
"""

ASGI = """
import asyncio, httpx, uvicorn
async def app(scope, receive, send):
    fail()
async def main():
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"http://127.0.0.1:{port}/{SECRET}")).status_code == 500
    server.should_exit = True
    await serving
asyncio.run(main())
"""

HANDSHAKE = """
import grpc
from concurrent.futures import ThreadPoolExecutor
server = grpc.server(ThreadPoolExecutor(1))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
with grpc.secure_channel(f"127.0.0.1:{port}", grpc.ssl_channel_credentials()) as channel:
    try:
        channel.unary_unary("/a.B/C")(SECRET.encode(), timeout=5)
    except grpc.RpcError:
        pass
server.stop(None)
"""


def lines_of(code: str) -> list[dict[str, Any]]:
    done = subprocess.run([sys.executable, "-c", BEGIN + code], capture_output=True, text=True, timeout=60, check=False)
    assert SECRET not in done.stdout + done.stderr
    return [json.loads(line) for line in done.stderr.splitlines()]


@pytest.mark.parametrize("case", CASES)
def test_what_fails_is_told_in_one_json_line_without_values(case: str) -> None:
    [line] = lines_of(CASES[case])
    assert line["event"] in {"library", "uncaught", "warned", "it_failed"}
    assert line["level"] in {"warning", "error"}
    assert line["timestamp"]


@pytest.mark.parametrize("code", [SERVICER, ASGI], ids=["grpc.aio", "uvicorn"])
def test_a_servers_failing_handler_is_told_by_type_and_place(code: str) -> None:
    [line] = [line for line in lines_of(code) if line.get("error_type")]
    assert line["error_type"] == "ValueError"
    assert line["at"][-1].startswith("<string>:")


def test_what_grpcs_core_writes_past_python_is_nothing() -> None:
    assert lines_of(HANDSHAKE) == []


def test_an_error_is_told_by_its_type_and_where_it_came_to_be() -> None:
    [line] = lines_of(CASES["a library's exception"])
    assert (line["logger"], line["error_type"], line["level"]) == ("x", "ValueError", "error")
    assert len(line["at"]) == 2
    assert "message" not in line


def test_a_message_that_is_known_to_hold_no_value_is_told_as_it_stands_in_the_source() -> None:
    [line] = lines_of(CASES["a task that nobody waited for"])
    assert line["message"] == "Task exception was never retrieved"
    [line] = lines_of("import logging; logging.getLogger('opentelemetry').warning('Queue full, dropping %s.', SECRET)")
    assert line["message"] == "Queue full, dropping %s."


def test_the_command_line_quiets_grpcs_core_before_it_is_imported() -> None:
    told = "import contextlib, os, sys\nfrom services.cli import main\nsys.argv = ['mangrove', '--help']\n"
    told += "with contextlib.suppress(SystemExit):\n    main()\n"
    check = f"{told}assert os.environ['GRPC_VERBOSITY'] == 'NONE'{HANDSHAKE}"
    done = subprocess.run(
        [sys.executable, "-c", f"SECRET = ''\n{check}"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_is_not_an_error() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + "raise KeyboardInterrupt(SECRET)"], capture_output=True, text=True, check=False
    )
    assert "uncaught" not in done.stderr
