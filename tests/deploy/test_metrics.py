"""What Prometheus is told of the state that the database keeps."""

import httpx
from sqlalchemy import text
from uuid_utils.compat import uuid7

from services.notifier.db import database as notifier
from services.scheduler.db import database as scheduler
from tests.support.platform import Platform

_DEAD_LETTER = text("""
    INSERT INTO dead_letter (event_id, topic, key, headers, value, reason, tries)
    VALUES (:id, 'run.completed', '7', '{}', '', 'a test', 1)
""")
_RUN = text("INSERT INTO completed_run (run_id, task_id, project_ids, body) VALUES (:id, 1, '{}', '{}')")
_DELIVERY = text("""
    INSERT INTO delivery (id, run_id, channel_id, channel_kind, recipient, language, status, tries, not_before,
                          give_up_at, unsubscribe_token)
    VALUES (:id, :run_id, 0, 'email', 1, 'en', 'queued', 0, clock_now() + interval '1 day',
            clock_now() + interval '2 days', 'none')
""")


async def test_metrics_tell_what_waits(platform: Platform) -> None:
    async with scheduler.transaction() as session:
        await session.execute(_DEAD_LETTER, {"id": uuid7()})
    async with notifier.transaction() as session:
        run_id = uuid7()
        await session.execute(_RUN, {"id": run_id})
        await session.execute(_DELIVERY, {"id": uuid7(), "run_id": run_id})

    async with httpx.AsyncClient(base_url=platform.url) as client:
        told = (await client.get("/metrics")).text.splitlines()
    assert 'rounds_dead_letters_kept{service="scheduler"} 1.0' in told
    assert 'rounds_dead_letters_kept{service="auth"} 0.0' in told
    assert 'rounds_deliveries_open{service="notifier",status="queued"} 1.0' in told
    assert 'rounds_deliveries_open{service="notifier",status="sending"} 0.0' in told
    assert 'rounds_executor_queued{service="executor"} 0.0' in told
    assert any(line.startswith('rounds_outbox_oldest_seconds{service="catalog"}') for line in told)
