"""The local Kafka keeps what it acknowledged."""

from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.support.kafka import own_kafka, started


async def test_a_killed_broker_comes_back_with_its_records(tmp_path: Path) -> None:
    async with own_kafka(tmp_path) as broker:
        admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic("kept", 1, 1)])
        await admin.close()
        async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap, acks="all") as producer:
            await producer.send_and_wait("kept", b"before")
            broker.kill()
            await started(broker)
            await producer.send_and_wait("kept", b"after")
        async with AIOKafkaConsumer(
            "kept", bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest"
        ) as consumer:
            assert [(await consumer.getone()).value for _ in range(2)] == [b"before", b"after"]
