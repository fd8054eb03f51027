"""Who is a member of which project."""

from pydantic import Field

from kit.http import Body, Page
from services.auth.schemas.fields import Id, Message, example, page_example
from services.auth.schemas.users import MEMBER, PROJECTS, Member, ProjectName


class ProjectAssignment(Body):
    """Exactly the projects that a user is to be a member of."""

    model_config = example({"user_id": 5, "project_ids": [1, 2]})

    user_id: Id
    project_ids: list[Id] = Field(max_length=10_000)


class ProjectsAssigned(Message):
    """The user's projects from now on."""

    model_config = example(
        {
            "msg": "成功为用户 testuser 分配项目",
            "user_id": 5,
            "username": "testuser",
            "current_projects": PROJECTS,
            "project_count": 2,
        }
    )

    user_id: int
    username: str
    current_projects: list[ProjectName]
    project_count: int


class MembersUpdate(Body):
    """Exactly the users who are to be members of a project."""

    model_config = example({"user_ids": [5, 6]})

    user_ids: list[Id] = Field(max_length=10_000)


class MemberPage(Page[Member], Message):
    """A page of a project's members."""

    model_config = page_example(MEMBER)
