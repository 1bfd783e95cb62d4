"""The reference pages are made from docstrings: every public name has one, and it is complete."""

import importlib
import inspect
import pkgutil
import re

import pytest

import aelib

MODULES = {
    info.name: importlib.import_module(info.name)
    for info in pkgutil.walk_packages(aelib.__path__, "aelib.")
}


def public_objects():
    """Yield the name and the object of every public function, class and method, once."""
    for module_name, module in MODULES.items():
        for name, value in vars(module).items():
            defined_here = getattr(value, "__module__", None) == module_name
            if name.startswith("_") or not defined_here:
                continue
            if inspect.isfunction(value):
                yield f"{module_name}.{name}", value
            elif inspect.isclass(value):
                yield f"{module_name}.{name}", value
                for member, method in vars(value).items():
                    method = method.fget if isinstance(method, property) else method
                    if inspect.isfunction(method) and not member.startswith("_"):
                        yield f"{module_name}.{name}.{member}", method


OBJECTS = dict(public_objects())
every_object = pytest.mark.parametrize("value", OBJECTS.values(), ids=OBJECTS)


def sections(docstring):
    """Split a numpydoc docstring into its underlined sections; the text before them is ``""``."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", docstring, flags=re.MULTILINE)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def documented_names(section):
    """Return the names before the colons: ``first, second : ndarray`` gives two."""
    heads = re.findall(r"^(\S[^:\n]*?) :", section, flags=re.MULTILINE)
    return [name.strip().lstrip("*") for head in heads for name in head.split(",")]


WITH_PARAMETERS = {
    name: value
    for name, value in OBJECTS.items()
    if "Parameters" in sections(inspect.getdoc(value) or "")
}
RAISING = {
    name: value
    for name, value in WITH_PARAMETERS.items()
    if re.search(r"^\s+raise \w+\(|\bvalidate\.\w+\(", inspect.getsource(value), flags=re.MULTILINE)
}


def test_the_walk_finds_what_is_public():
    # Against a walk that finds nothing and so finds nothing missing.
    assert {
        "aelib.sparsity.kl_bernoulli",
        "aelib.byhand.fit.lbfgs",
        "aelib.byhand.fit.Fit",
        "aelib.history.History.n_steps",
        "aelib.nn.autoencoder.Autoencoder.encode",
        "aelib.plots.filters",
    } <= set(OBJECTS)
    assert {"aelib.sparsity.kl_bernoulli", "aelib.nn.train.train"} <= set(RAISING)
    assert len(WITH_PARAMETERS) > 30


@pytest.mark.parametrize("module", MODULES.values(), ids=MODULES)
def test_every_module_says_what_it_is(module):
    assert (module.__doc__ or "").strip()


@every_object
def test_everything_public_has_a_docstring_of_its_own(value):
    # vars, not getdoc: an inherited text, or a dataclass' made-up one, does not count.
    docstring = value.__doc__ or ""
    assert docstring.strip()
    assert not docstring.startswith(f"{value.__name__}(")
    assert docstring.strip().splitlines()[0].endswith("."), "one sentence first"


@pytest.mark.parametrize("value", WITH_PARAMETERS.values(), ids=WITH_PARAMETERS)
def test_the_parameters_of_the_docstring_are_those_of_the_signature(value):
    found = sections(inspect.getdoc(value))
    names = [name for name in inspect.signature(value).parameters if name != "self"]
    assert documented_names(found["Parameters"]) == names


def test_functions_for_readers_document_parameters_returns_and_errors():
    # What `from aelib import ...` offers and what it takes: no short docstrings there.
    for module in (MODULES["aelib.byhand"], MODULES["aelib.nn"]):
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isfunction(value) and name not in ("data_loss", "decay_loss"):
                returns = inspect.signature(value).return_annotation is not None
                needed = {"Parameters", "Returns"} if returns else {"Parameters"}
                assert needed <= set(sections(inspect.getdoc(value))), name


@pytest.mark.parametrize("value", RAISING.values(), ids=RAISING)
def test_a_function_that_raises_says_so(value):
    documented = sections(inspect.getdoc(value)).get("Raises", "")
    # Exceptions that the body raises itself, by name; a check in aelib.validate raises some more.
    raised = set(re.findall(r"^\s+raise (\w+)\(", inspect.getsource(value), flags=re.MULTILINE))
    assert raised <= set(re.findall(r"\w+Error", documented))
    assert re.search(r"\w+Error", documented)
