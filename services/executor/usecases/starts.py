"""Starting what was claimed: its definition is stored, its environment found, its run marked as running."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from caselang.judgement import CaseVerdict
from contracts.executor import RunStarted
from kit.outbox import publish
from services.executor.models import NO_ROW, KnownCase, KnownEnvironment, KnownProject, Run
from services.executor.queries import replicas
from services.executor.usecases.claims import Release, release
from services.executor.usecases.ends import End, as_json, end_cases, lock_runs

ASK_AFTER_SECONDS = 5
"""How long a definition that is behind is waited for before the catalog is asked."""
GIVE_UP_AFTER_SECONDS = 60
DEFAULT_TIMEOUT_MS = 600_000

_START_RUNS = text("""
    UPDATE run SET status = 'running', started_at = clock_now()
    WHERE run_id IN (SELECT run_id FROM run WHERE run_id = ANY(CAST(:run_ids AS uuid[])) AND status = 'queued'
                     ORDER BY run_id FOR UPDATE)
    RETURNING run_id, task_id, trigger, attempt, cases_total, started_at, trial, traceparent
""")
_CLOSURE = text("""
    WITH RECURSIVE reached (id) AS (
        SELECT unnest(CAST(:ids AS integer[]))
        UNION SELECT unnest(k.calls) FROM known_case k JOIN reached USING (id)
    )
    SELECT k.id, k.revision, k.deleted, k.project_id, k.name, k.calls, k.data_rows
    FROM known_case k JOIN reached USING (id)
""")
_DEFINE = text("""
    INSERT INTO case_definition (run_id, position, revision, document, called)
    SELECT e.run_id, e.position, k.revision, k.document,
           coalesce((SELECT json_object_agg(o.id, json_build_object(
               'name', o.name, 'revision', o.revision, 'document', o.document)) FROM known_case o
               WHERE o.id IN (SELECT CAST(value AS integer) FROM json_array_elements_text(e.called)) AND NOT o.deleted),
               '{}')
    FROM json_to_recordset(CAST(:rows AS json)) AS e (run_id uuid, position integer, case_id integer, called json)
    JOIN known_case k ON k.id = e.case_id
    ON CONFLICT (run_id, position) DO NOTHING
""")
_DEFINED = text("""
    SELECT d.run_id, d.position, d.revision, d.document ->> 'name' AS name,
           (d.document -> 'options' ->> 'timeout_ms')::integer AS timeout_ms,
           d.document -> 'options' -> 'locks' AS locks,
           coalesce(d.document -> 'options' ->> 'on_worker_loss', 'restart') AS on_worker_loss,
           CASE WHEN json_typeof(d.document -> 'data') = 'array' THEN json_array_length(d.document -> 'data') ELSE 0 END
               AS data_rows,
           (SELECT json_object_agg(key, value -> 'revision') FROM json_each(d.called)) AS called
    FROM case_definition d JOIN (
        SELECT DISTINCT run_id, position
        FROM json_to_recordset(CAST(:rows AS json)) AS e (run_id uuid, position integer)) AS e USING (run_id, position)
""").columns(locks=JSON, called=JSON)
_PREPARED = text("""
    UPDATE case_run c SET
        revision = e.revision, name = e.name, project_id = e.project_id, environment_id = e.environment_id,
        deadline_at = clock_now() + make_interval(secs => e.timeout_ms / 1000.0), on_worker_loss = e.on_worker_loss,
        locks = ARRAY(SELECT json_array_elements_text(e.locks)), missing_since = NULL
    FROM json_to_recordset(CAST(:rows AS json)) AS e (
        run_id uuid, position integer, data_row integer, lease_token uuid, revision integer, name text,
        project_id integer, environment_id integer, timeout_ms integer, on_worker_loss text, locks json)
    WHERE (c.run_id, c.position, c.data_row) = (e.run_id, e.position, e.data_row) AND c.lease_token = e.lease_token
""")
_ADD_ROWS = text("""
    INSERT INTO case_run (run_id, position, data_row, case_id, project_id, environment_id, min_revision, name, status,
                          queued_at)
    SELECT c.run_id, c.position, n, c.case_id, :project_id, :environment_id, c.min_revision, c.name,
           CASE WHEN n <= free.slots THEN 'queued' ELSE 'waiting' END, CASE WHEN n <= free.slots THEN clock_now() END
    FROM case_run c JOIN run r USING (run_id)
    CROSS JOIN LATERAL (
        SELECT CASE WHEN r.parallel = 1 THEN r.max_parallel - count(*) ELSE 0 END AS slots
        FROM case_run o WHERE o.run_id = r.run_id AND o.status IN ('queued', 'running')) AS free
    CROSS JOIN generate_series(1, :data_rows - 1) AS n
    WHERE c.run_id = :run_id AND c.position = :position AND c.data_row = 0
    RETURNING 1
""")


@dataclass(frozen=True, slots=True)
class Claimed:
    """A case run that this worker holds, with what it needs to know to run it."""

    run_id: UUID
    position: int
    data_row: int
    case_id: int
    start_no: int
    lease_token: UUID
    environment_id: int | None
    revision: int
    called: Mapping[int, int]
    """Revisions of the cases that it calls."""
    locks: tuple[str, ...]
    project: KnownProject | None
    environment: KnownEnvironment | None
    failed_stop: bool
    only_failed_log: bool
    until_step: str | None
    trial: bool
    traceparent: str | None

    def facts(self) -> dict[str, str | int]:
        """What its span tells."""
        run = {"service": "executor", "run_id": str(self.run_id)}
        return run | {"case_id": self.case_id, "data_row": self.data_row, "start": self.start_no}


@dataclass(frozen=True)
class Prepared:
    """What became of the case runs that were claimed at once."""

    ready: list[Claimed]
    unknown_cases: list[int]
    """To be asked about at the catalog: they have been missing for some seconds."""
    unknown_environments: list[int]


@dataclass(frozen=True)
class _Known:
    """What the replicas and the runs say about the case runs in hand."""

    runs: Mapping[UUID, Run]
    defined: Mapping[tuple[UUID, int], Any]
    """Definitions that are stored already: another data row or an earlier start came first."""
    cases: Mapping[int, Any]
    """Cases to be defined now, and those they call."""
    projects: Mapping[int, KnownProject]
    environments: Mapping[int, KnownEnvironment]

    def project_id(self, row: dict[str, Any]) -> int:
        """The project of a case run; 0: not known yet."""
        case = self.cases.get(row["case_id"])
        return (case["project_id"] if case else None) or int(row["project_id"])

    def environment_id(self, row: dict[str, Any]) -> int | None:
        """The environment that the run chose for the project, else the project's default one."""
        project_id = self.project_id(row)
        chosen = self.runs[row["run_id"]].environments.get(str(project_id))
        project = self.projects.get(project_id)
        default = project.default_environment_id if project else None
        return row["environment_id"] or (chosen["id"] if chosen else default)

    def data_rows(self, row: dict[str, Any]) -> int:
        """How many data rows the case has; 0: none."""
        definition = self.defined.get((row["run_id"], row["position"]))
        return int(definition["data_rows"] if definition else self.cases[row["case_id"]]["data_rows"])

    def called(self, case_id: int) -> set[int]:
        """The cases that a case calls, and those call."""
        reached: set[int] = set()
        waiting = list(self.cases[case_id]["calls"])
        while waiting:
            if (id_ := waiting.pop()) not in reached:
                reached.add(id_)
                waiting += self.cases[id_]["calls"] if id_ in self.cases else []
        return reached

    def missing(self, row: dict[str, Any]) -> tuple[set[int], set[int]]:
        """Cases and environments that must be here before this case run can start, and are not."""
        cases: set[int] = set()
        case = self.cases.get(row["case_id"])
        if case is not None and case["deleted"]:  # `hindrance` ends it; it tells no project any more
            return set(), set()
        if (row["run_id"], row["position"]) not in self.defined:
            if case is None or case["revision"] < row["min_revision"]:
                cases = {row["case_id"]}
            else:
                cases = self.called(row["case_id"]) - self.cases.keys()
        if not cases and self.project_id(row) not in self.projects:
            cases = {row["case_id"]}
        environment_id = self.environment_id(row)
        unknown = environment_id is not None and environment_id not in self.environments
        return cases, {environment_id} if unknown and environment_id else set()

    def hindrance(self, row: dict[str, Any]) -> End | None:
        """Why this case run can never start; None: it can."""
        case, environment_id = self.cases.get(row["case_id"]), self.environment_id(row)
        environment = self.environments.get(environment_id or 0)
        if case is not None and case["deleted"]:
            return _end(row, CaseVerdict("error", "config"), "case_deleted")
        if environment is not None and environment.deleted:
            return _end(row, CaseVerdict("error", "config"), "environment_deleted")
        if environment is not None and environment.project_id != self.project_id(row):
            return _end(row, CaseVerdict("error", "config"), "environment_of_another_project")
        if row["data_row"] > 0 and row["data_row"] >= self.data_rows(row):
            return _end(row, CaseVerdict("skipped"), "row_gone")
        return None


def _end(row: dict[str, Any], verdict: CaseVerdict, reason: str | None = None) -> End:
    return End(
        row["run_id"],
        row["position"],
        row["data_row"],
        row["lease_token"],
        verdict,
        verdict.status,
        reason,
        duration_ms=0,
    )


async def prepare(session: AsyncSession, claimed: Sequence[dict[str, Any]]) -> Prepared:
    """Start what was claimed, and end or release what cannot be started.

    What is not here yet goes back to the queue for a second; after a minute it ends as `error`/`platform`.
    """
    known = await _load(session, claimed)
    ready: list[dict[str, Any]] = []
    ends: list[End] = []
    releases: list[Release] = []
    unknown_cases: set[int] = set()
    unknown_environments: set[int] = set()
    for row in claimed:
        cases, environments = known.missing(row)
        waited = row["missing_seconds"] or 0
        if known.runs[row["run_id"]].status == "cancelling":
            ends.append(_end(row, CaseVerdict("cancelled")))
        elif (cases or environments) and waited >= GIVE_UP_AFTER_SECONDS:
            ends.append(_end(row, CaseVerdict("error", "platform"), "definition_missing"))
        elif cases or environments:
            releases.append(Release(row["run_id"], row["lease_token"], pause=1, missing=True))
            if waited >= ASK_AFTER_SECONDS:
                unknown_cases |= cases
                unknown_environments |= environments
        elif end := known.hindrance(row):
            ends.append(end)
        else:
            ready.append(row)
    await _start(session, known, ready, ends)
    if releases:
        await release(session, releases)
    return Prepared(
        ready=await _complete(session, known, ready),
        unknown_cases=sorted(unknown_cases),
        unknown_environments=sorted(unknown_environments),
    )


async def _load(session: AsyncSession, claimed: Sequence[dict[str, Any]]) -> _Known:
    found = await session.exec(select(Run).where(col(Run.run_id).in_({row["run_id"] for row in claimed})))
    runs = {run.run_id: run for run in found}
    defined = await _defined(session, claimed)
    fresh = {row["case_id"] for row in claimed if (row["run_id"], row["position"]) not in defined}
    closure = await session.execute(_CLOSURE, {"ids": sorted(fresh)})
    cases = {row["id"]: row for row in closure.mappings()}
    project_ids = {case["project_id"] for case in cases.values()} | {row["project_id"] for row in claimed}
    projects = await replicas.projects(session, project_ids)
    partial = _Known(runs, defined, cases, projects, {})
    environments = await replicas.environments(session, map(partial.environment_id, claimed), deleted=True)
    return _Known(runs, defined, cases, projects, environments)


async def closure(session: AsyncSession, case_ids: Collection[int]) -> dict[str, Any]:
    """These cases and those they call, as a definition keeps them: {id: {name, revision, document}}."""
    if not case_ids:
        return {}
    reached = (await session.execute(_CLOSURE, {"ids": sorted(case_ids)})).mappings().all()
    ids = [row["id"] for row in reached if not row["deleted"]]
    found = await session.exec(select(KnownCase).where(col(KnownCase.id).in_(ids)))
    return {str(one.id): {"name": one.name, "revision": one.revision, "document": one.document} for one in found}


async def _defined(session: AsyncSession, claimed: Sequence[dict[str, Any]]) -> dict[tuple[UUID, int], Any]:
    rows = [{"run_id": row["run_id"], "position": row["position"]} for row in claimed]
    found = (await session.execute(_DEFINED, {"rows": as_json(rows)})).mappings()
    return {(row["run_id"], row["position"]): row for row in found}


async def _start(session: AsyncSession, known: _Known, ready: list[dict[str, Any]], ends: list[End]) -> None:
    """Write everything that takes the locks of runs, which are taken all at once and in order.

    A run may have been cancelled before it was locked: what was ready of it ends too.
    """
    queued = [row for row in ready if known.runs[row["run_id"]].status == "queued"]
    fresh = [row for row in ready if (row["run_id"], row["position"]) not in known.defined]
    growing = [row for row in fresh if row["data_row"] == NO_ROW and known.data_rows(row)]
    touched = {row["run_id"] for row in [*queued, *growing]} | {end.run_id for end in ends}
    statuses = await lock_runs(session, touched) if touched else {}
    for row in [row for row in ready if statuses.get(row["run_id"]) == "cancelling"]:
        ends.append(_end(row, CaseVerdict("cancelled")))
        for rows in (ready, fresh, growing):
            if row in rows:
                rows.remove(row)
    for row in growing:
        await _add_rows(session, known, row)
        row["data_row"] = 0
    if fresh:
        define = [
            {
                "run_id": row["run_id"],
                "position": row["position"],
                "case_id": row["case_id"],
                "called": sorted(known.called(row["case_id"])),
            }
            for row in fresh
        ]
        await session.execute(_DEFINE, {"rows": as_json(define)})
    if starting := {row["run_id"] for row in queued}:
        found = (await session.execute(_START_RUNS, {"run_ids": list(starting)})).mappings()
        started = [run for run in found if not run["trial"]]
        events = [RunStarted(**{name: run[name] for name in RunStarted.model_fields}) for run in started]
        await publish(session, *events, traces=[run["traceparent"] for run in started])
    if ends:
        await end_cases(session, ends)


async def _add_rows(session: AsyncSession, known: _Known, row: dict[str, Any]) -> None:
    """Give a case run whose data rows were not known yet a sibling for each of them; it becomes the first itself."""
    key = {"run_id": row["run_id"], "position": row["position"]}
    await session.execute(
        text("UPDATE case_run SET data_row = 0 WHERE run_id = :run_id AND position = :position AND data_row = -1"), key
    )
    beside = {
        "data_rows": known.data_rows(row),
        "project_id": known.project_id(row),
        "environment_id": known.environment_id(row),
    }
    added = await session.execute(_ADD_ROWS, key | beside)
    await session.execute(
        text("UPDATE run SET cases_total = cases_total + :added WHERE run_id = :run_id"),
        {"run_id": row["run_id"], "added": len(added.all())},
    )


async def _complete(session: AsyncSession, known: _Known, ready: list[dict[str, Any]]) -> list[Claimed]:
    """Write into the case runs what they run as, and answer all that a worker needs to know."""
    if not ready:
        return []
    defined = await _defined(session, ready)
    rows = []
    for row in ready:
        definition = defined[row["run_id"], row["position"]]
        rows.append(
            {
                **{name: row[name] for name in ("run_id", "position", "data_row", "lease_token")},
                **{name: definition[name] for name in ("revision", "name", "on_worker_loss")},
                "project_id": known.project_id(row),
                "environment_id": known.environment_id(row),
                "timeout_ms": definition["timeout_ms"] or DEFAULT_TIMEOUT_MS,
                "locks": definition["locks"] or [],
            }
        )
    await session.execute(_PREPARED, {"rows": as_json(rows)})
    return [_claimed(row, known, defined[row["run_id"], row["position"]]) for row in ready]


def _claimed(row: dict[str, Any], known: _Known, definition: Any) -> Claimed:  # noqa: ANN401 (a row)
    run, environment_id = known.runs[row["run_id"]], known.environment_id(row)
    return Claimed(
        run_id=row["run_id"],
        position=row["position"],
        data_row=row["data_row"],
        case_id=row["case_id"],
        start_no=row["starts"],
        lease_token=row["lease_token"],
        environment_id=environment_id,
        revision=definition["revision"],
        called={int(id_): revision for id_, revision in (definition["called"] or {}).items()},
        locks=tuple(definition["locks"] or ()),
        project=known.projects.get(known.project_id(row)),
        environment=known.environments.get(environment_id or 0),
        failed_stop=run.failed_stop,
        only_failed_log=run.only_failed_log,
        until_step=run.until_step,
        trial=run.trial,
        traceparent=run.traceparent,
    )
