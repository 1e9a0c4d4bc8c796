"""Finds a route among three hundred: each request asks only the few routers that may hold it, not all routes in turn."""

from fastapi import APIRouter
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

API = "v1"
ANY = "{"
"""Stands in a route for whatever comes there."""


class Router(APIRouter):
    """Asked where the first and the third word of one of its paths are those of the request: /cases/{case_id}/history."""

    _words: frozenset[tuple[str, str]] | None = None

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """What it always says, unless no route of it can be meant."""
        if self._words is None:  # once all routes are there
            self._words = frozenset(map(_words_of, self.routes))
        first, third = _words(scope["path"].removeprefix(scope.get("root_path", "")))
        may_be = not self._words.isdisjoint(((first, third), (first, ANY), (ANY, ANY)))
        return super().matches(scope) if may_be else (Match.NONE, {})


def _words_of(route: BaseRoute) -> tuple[str, str]:
    first, third = _words(getattr(route, "path", ANY))
    return (ANY, ANY) if first.startswith(ANY) else (first, ANY if third.startswith(ANY) else third)


def _words(path: str) -> tuple[str, str]:
    """The first and the third word of a path, behind the version of the API; empty where there is none."""
    words = path.removeprefix(f"/{API}").split("/", 4)
    return "".join(words[1:2]), "".join(words[3:4])
