"""A router that is passed over holds nothing that was asked."""

import re

from fastapi import APIRouter
from starlette.routing import Match

from app.main import create_app
from app.settings import Settings


def routers_of(app):
    return [one.original_router for one in app.routes if hasattr(one, "original_router")]


def answer(app, path, method):
    scope = {"type": "http", "path": path, "method": method, "root_path": "", "headers": [], "query_string": b""}
    return [match for one in app.routes if (match := one.matches({**scope})[0]) is not Match.NONE]


def test_each_path_is_found_where_all_are_asked(monkeypatch):
    app = create_app(Settings())
    paths = {route.path for router in routers_of(app) for route in router.routes}
    asked = [re.sub(r"\{[^}]*\}", word, path) for path in paths for word in ("x", "v1", "cases")]
    asked += ["/", "", "//", "/v1", "/v1/", "/v1/me/", "/v2/me", "/cases//history", "/v1x/me", "/nowhere/at/all"]
    calls = [(path, method) for path in asked for method in ("GET", "POST", "DELETE")]
    quick = [answer(app, *call) for call in calls]
    for router in routers_of(app):
        monkeypatch.setattr(type(router), "matches", APIRouter.matches)
    assert [answer(app, *call) for call in calls] == quick
    assert sum(map(bool, quick)) > len(paths)


def test_most_routers_are_passed_over(monkeypatch):
    app, asked = create_app(Settings()), []
    looks = APIRouter.matches
    monkeypatch.setattr(APIRouter, "matches", lambda router, scope: asked.append(router) or looks(router, scope))
    for path in ("/v1/cases/x/history", "/v1/me", "/tasks", "/nowhere"):
        asked.clear()
        answer(app, path, "GET")
        assert len(asked) <= len(routers_of(app)) / 5, path
