"""Work to be done on a module as soon as somebody imports it, so that nothing heavy is imported only to be tamed."""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

Work = Callable[[ModuleType], None]


class _Then(Loader):
    """A loader, and then the work."""

    def __init__(self, loader: Loader, work: Work) -> None:
        self._loader, self._work = loader, work

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        self._work(module)

    def __getattr__(self, name: str) -> object:
        return getattr(self._loader, name)  # resources, source


class _Watch(MetaPathFinder):
    def __init__(self, works: Mapping[str, Work]) -> None:
        self._works = dict(works)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        work = self._works.pop(name, None)
        if work is None:
            return None
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _Then(spec.loader, work)
        return spec


def after_import(works: Mapping[str, Work]) -> None:
    """Does the work on modules that are there, and on the others once they are.

    Args:
        works: by the module's full name.
    """
    for name in works.keys() & sys.modules.keys():
        works[name](sys.modules[name])
    sys.meta_path.insert(0, _Watch({name: work for name, work in works.items() if name not in sys.modules}))
