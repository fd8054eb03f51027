from tests.catalog.conftest import Catalog


async def test_a_superuser_makes_a_project_and_everybody_reads_it(catalog: Catalog) -> None:
    body = {"name": "项目A", "description": "", "variables": {"tenant": "t1"}, "egress_allow": ["10.0.0.0/8"]}
    made = await catalog.admin.post("/catalog/projects", json=body)
    assert made.status_code == 201, made.text
    project = made.json()
    assert project == {
        **body,
        "id": project["id"],
        "default_environment_id": None,
        "case_count": 0,
        "revision": 1,
        "can_write": True,
        "created_at": project["created_at"],
        "updated_at": project["created_at"],
        "created_by": {"id": 1, "username": "admin"},
        "updated_by": {"id": 1, "username": "admin"},
    }
    assert project["created_at"].endswith("Z")

    bob = await catalog.user("bob")
    read = await bob.get(f"/catalog/projects/{project['id']}")
    assert read.status_code == 200
    assert read.json() == {**project, "can_write": False}
    [event] = await catalog.events()
    assert event == {
        "topic": "project.changed",
        **body,
        "id": project["id"],
        "default_environment_id": None,
        "revision": 1,
        "deleted": False,
    }
