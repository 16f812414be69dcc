"""A tool of another MCP server: the server is started for a run, and ends with it."""

import logging
import os
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup, TaskStatus
from pydantic import JsonValue

from regrade_server.program.environment import environment
from regrade_server.program.form import made
from regrade_server.program.guard import Guard, guarded
from regrade_server.program.warden import sweep
from regrade_tools.models import Case, McpTool
from regrade_tools.ports import Reply, Target, TargetError
from regrade_tools.refusal import Refusal, unknown
from regrade_tools.texts.clipping import clip
from regrade_tools.texts.jsontext import compact, read, whole

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import CallToolResult

_STARTING_S = 60.0
_SHOWN = 600
_DECLARED = "Targets are declared in evals/regrade.yaml."


@asynccontextmanager
async def mcp_tool(
    spec: McpTool, root: Path, concurrency: int, clean: Callable[[str], str]
) -> AsyncGenerator[Target, None]:
    """The tool ``spec``, its server started in ``root``; what it says is told ``clean``.

    Raises:
        Refusal: The server cannot be started, or has no such tool.
    """
    # It tells what it cannot read with a traceback; the case that it belongs to tells it, too.
    logging.getLogger("mcp.client.stdio").setLevel(logging.CRITICAL)
    async with guarded() as guard, anyio.create_task_group() as tasks:
        tool = _Tool(spec, root, tasks, guard, anyio.Semaphore(concurrency), clean)
        try:
            # The first connection shows whether there is anything to call at all.
            first = await tool.connected()
            await tool.make_sure(first)
            tool.idle.append(first)
            yield tool
        finally:
            tasks.cancel_scope.cancel()


@dataclass(slots=True)
class _Connection:
    """A server under way, until somebody says that it is over."""

    client: "Client"
    over: anyio.Event = field(default_factory=anyio.Event)


@dataclass(slots=True)
class _Tool:
    """A tool, and as many connections to its server as are in use at once."""

    spec: McpTool
    root: Path
    tasks: TaskGroup
    guard: Guard
    places: anyio.Semaphore
    clean: Callable[[str], str]
    idle: list[_Connection] = field(default_factory=list[_Connection])
    started_so_far: int = 0

    async def answer(self, case: Case) -> Reply:
        """As the port says."""
        arguments = self._arguments(case.input)
        async with self.places:
            connection = self.idle.pop() if self.idle else await self._another()
            try:
                reply = await self._called(connection, arguments)
            except _ToldError:
                self.idle.append(connection)
                raise
            except BaseException:
                connection.over.set()
                raise
            self.idle.append(connection)
            return reply

    def _arguments(self, given: JsonValue) -> dict[str, JsonValue]:
        if self.spec.arguments is None:
            return given if isinstance(given, dict) else {"input": given}
        found = made("arguments", dict(self.spec.arguments), given)
        return cast("dict[str, JsonValue]", found)

    async def _called(self, connection: _Connection, arguments: dict[str, JsonValue]) -> Reply:
        from mcp.shared.exceptions import MCPError  # noqa: PLC0415 - as in connected()

        began = time.perf_counter()
        try:
            with anyio.fail_after(self.spec.timeout_s):
                result = await connection.client.call_tool(self.spec.tool, arguments)
        except TimeoutError:
            raise TargetError(
                f"the tool {self.spec.tool} gave no answer within {self.spec.timeout_s:g} s and "
                "its server was stopped; mend it, or raise timeout_s of the target"
            ) from None
        except (MCPError, RuntimeError, ValueError, anyio.ClosedResourceError) as problem:
            told = clip(self.clean(str(problem)), _SHOWN)
            raise TargetError(f"the server of {self.spec.tool} broke off: {told}") from None
        took = (time.perf_counter() - began) * 1000
        said = _said(result)
        if result.is_error:
            told = clip(self.clean(said if isinstance(said, str) else compact(said)), _SHOWN)
            raise _ToldError(f"the tool {self.spec.tool} said: {told}")
        return Reply(output=said, latency_ms=took)

    async def _another(self) -> _Connection:
        try:
            return await self.connected()
        except Refusal as refusal:
            raise TargetError(str(refusal)) from None

    async def connected(self) -> _Connection:
        """A fresh server, and its client.

        Raises:
            Refusal: It cannot be started, or is no MCP server.
        """
        try:
            with anyio.fail_after(_STARTING_S):
                found = await self.tasks.start(self._hold)
        except TimeoutError:
            found = f"it did not answer within {_STARTING_S:g} s"
        if isinstance(found, str):
            raise Refusal(
                f"The MCP server {' '.join(self.spec.command)!r} cannot be asked: "
                f"{clip(self.clean(found), _SHOWN)}.",
                next_step="Mend `mcp` in evals/regrade.yaml; it runs in the workspace's root.",
            )
        return cast("_Connection", found)

    async def make_sure(self, connection: _Connection) -> None:
        """Make sure that the server has the tool.

        Raises:
            Refusal: It has not.
        """
        listed = [tool.name for tool in (await connection.client.list_tools()).tools]
        if self.spec.tool not in listed:
            raise unknown("tool of the MCP server", self.spec.tool, listed, next_step=_DECLARED)

    async def _hold(self, *, task_status: TaskStatus[_Connection | str]) -> None:
        """Keep one server, from its start until its connection is over."""
        # The client's half of the library: whoever calls no tool of another server needs none.
        from mcp import Client  # noqa: PLC0415
        from mcp.client.stdio import StdioServerParameters, stdio_client  # noqa: PLC0415

        self.started_so_far += 1
        mark = f"{self.guard.mark}_{self.started_so_far}"
        command, *arguments = self.spec.command
        server = StdioServerParameters(
            command=command,
            args=arguments,
            env=environment(self.spec.env, mark),
            cwd=self.root,
            encoding_error_handler="replace",
        )
        begun = False
        try:
            with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123, ASYNC230 - no file
                async with Client(stdio_client(server, errlog=nowhere)) as client:
                    connection = _Connection(client)
                    begun = True
                    task_status.started(connection)
                    await connection.over.wait()
        except Exception as problem:  # noqa: BLE001 - whatever ends a server ends no run
            if not begun:
                task_status.started(_first(problem))
        finally:
            with anyio.CancelScope(shield=True):
                # What it left behind, too, such as a daemon.
                await to_thread.run_sync(sweep, f"{mark}=")


class _ToldError(TargetError):
    """The tool itself said that it failed: its server can be asked again."""


def _first(problem: BaseException) -> str:
    while isinstance(problem, BaseExceptionGroup):
        problem = cast("BaseExceptionGroup[BaseException]", problem).exceptions[0]
    return str(problem) or type(problem).__name__


def _said(result: "CallToolResult") -> JsonValue:
    """What a tool answered: its structured content, or the texts of its content.

    A server that has only a text or a list to give wraps it as ``{"result": ...}``, and says the
    same as text.
    """
    text = "\n".join(block.text for block in result.content if block.type == "text")
    held = cast("JsonValue", result.structured_content)
    if held is None:
        return whole(text)
    if isinstance(held, dict) and set(held) == {"result"}:
        try:
            wrapped = read(text) != held
        except ValueError:
            wrapped = True
        return whole(held["result"] if wrapped else held)
    return whole(held)
