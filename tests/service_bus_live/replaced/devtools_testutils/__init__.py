"""Stands in for the parts of Microsoft's test tools that the tests use."""

from __future__ import annotations

import base64
import functools
import inspect
import json
import os
import time

from azure.core.credentials import AccessToken


class AzureMgmtRecordedTestCase:
    is_live = True

    @staticmethod
    def await_prepared_test(test):
        return test


def set_custom_default_matcher(**_):
    """Recordings are not compared: there are none."""


AzureRecordedTestCase = AzureMgmtRecordedTestCase


def _token() -> AccessToken:
    expiry = int(time.time()) + 3600
    claims = {"aud": "https://servicebus.azure.net", "exp": expiry}
    encoded = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return AccessToken(f"e30.{encoded}.", expiry)


class _Credential:
    def get_token(self, *scopes, **kwargs):
        return _token()


class _AsyncCredential:
    async def get_token(self, *scopes, **kwargs):
        return _token()

    async def close(self):
        pass

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass


def get_credential(*, is_async=False, **_):
    return _AsyncCredential() if is_async else _Credential()


def recorded_by_proxy(test):
    return test


def passing(make):
    """A decorator that calls a test with the keywords that `make` returns for its own."""

    def decorate(test):
        takes_all, taken = getattr(test, "takes", None) or _takes(test)

        def keywords(kwargs):
            found = {**kwargs, **make(kwargs)}
            return {key: value for key, value in found.items() if takes_all or key in taken}

        if inspect.iscoroutinefunction(test):

            @functools.wraps(test)
            async def run(self, **kwargs):
                await test(self, **keywords(kwargs))

        else:

            @functools.wraps(test)
            def run(self, **kwargs):
                test(self, **keywords(kwargs))

        run.takes = (takes_all, taken)
        # What pytest takes for fixtures: the test's own parameters and no entity.
        run.__signature__ = inspect.Signature(
            [
                each
                for each in inspect.signature(test).parameters.values()
                if each.default is each.empty
                and each.kind is not each.VAR_KEYWORD
                and not each.name.startswith("servicebus_")
            ]
        )
        return run

    return decorate


def _takes(test):
    """Whether a test takes any keyword, and the names that it takes."""
    parameters = inspect.signature(test).parameters.values()
    takes_all = any(each.kind is each.VAR_KEYWORD for each in parameters)
    return takes_all, {each.name for each in parameters}


def _nothing(*_, **__):
    return passing(lambda _: {})


CachedResourceGroupPreparer = RandomNameResourceGroupPreparer = _nothing


def get_random_bytes(amount):
    return os.urandom(amount)
