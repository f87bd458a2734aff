"""The catalogue's file is right, and its names lead to the models they should."""

import re
import sys
from subprocess import run

import pytest

from reprise.chat.errors import Invalid
from reprise.llm import catalogue
from reprise.llm.catalogue import Catalogue, Model, aliases_of, find
from reprise.llm.settings import Settings

REAL = Settings(key="sk-test")
BEDROCK = Settings(bedrock_region="us-east-1")
DEMO = Settings()
MODELS = catalogue.load().models


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
class TestEveryListedModel:
    def test_has_terms_that_make_sense(self, model: Model) -> None:
        assert model.window >= 4_000
        assert model.credits >= 1
        assert model.provider in ("openrouter", "bedrock", "demo")

    def test_is_known_to_its_provider_by_an_id_of_its_form(self, model: Model) -> None:
        forms = {
            "openrouter": r"[\w.-]+/[\w.-]+",
            "bedrock": r"(global|us)\.(amazon|anthropic|meta)\.[a-z0-9-]+(-v\d:0)?",
            "demo": r"demo",
        }
        assert re.fullmatch(forms[model.provider], model.id)

    def test_falls_back_on_listed_models_of_its_provider_only(self, model: Model) -> None:
        alike = {other.name for other in MODELS if other.provider == model.provider}
        assert set(model.fallbacks) <= alike

    def test_never_falls_back_on_itself(self, model: Model) -> None:
        reached: set[str] = set()
        ahead = list(model.fallbacks)
        while ahead:
            name = ahead.pop()
            reached.add(name)
            ahead += set(find(name).fallbacks) - reached
        assert model.name not in reached


def test_no_name_means_two_models() -> None:
    names = [name for model in MODELS for name in model.names]
    assert len(names) == len(set(names))


def test_an_alias_is_never_the_name_of_its_own_model() -> None:
    assert not [model for model in MODELS if model.name in model.aliases]


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        (REAL, "openai/gpt-4o-mini"),
        (DEMO, "openai/gpt-4o-mini"),
        (BEDROCK, "bedrock/nova-2-lite"),
        (Settings(key="sk-test", bedrock_region="us-east-1"), "openai/gpt-4o-mini"),
    ],
)
def test_the_default_is_a_model_that_can_be_had(settings: Settings, name: str) -> None:
    assert catalogue.default(settings).name == name


def test_bedrock_has_ids_of_its_own() -> None:
    assert find("bedrock/nova-pro", BEDROCK).id == "us.amazon.nova-pro-v1:0"


@pytest.mark.parametrize(
    ("name", "settings"),
    [("gpt-4", BEDROCK), ("acme/new-model", BEDROCK), ("bedrock/nova-pro", REAL)],
)
def test_a_model_whose_provider_is_not_configured_is_refused(name: str, settings: Settings) -> None:
    with pytest.raises(Invalid) as refused:
        find(name, settings)
    assert refused.value.field == "model"


@pytest.mark.parametrize("settings", [REAL, BEDROCK, DEMO])
def test_the_demo_is_to_be_had_everywhere(settings: Settings) -> None:
    assert find("demo", settings).provider == "demo"


@pytest.mark.parametrize("name", ["gpt-4", "openai/gpt-4"])
def test_gpt_4_is_asked_for_by_its_full_id(name: str) -> None:
    assert find(name).id == "openai/gpt-4"


@pytest.mark.parametrize("name", ["gpt-3.5-turbo", "openai/gpt-3.5-turbo"])
def test_gpt_3_5_turbo_is_asked_for_by_its_full_id(name: str) -> None:
    assert find(name).id == "openai/gpt-3.5-turbo"


@pytest.mark.parametrize("name", ["acme/new-model", "acme/new_model-1.5:free"])
def test_an_unlisted_vendor_name_is_taken_at_its_word(name: str) -> None:
    model = find(name, REAL)
    assert (model.name, model.id, model.provider, model.fallbacks) == (name, name, "openrouter", ())
    assert model.window > 0
    assert model.credits > 0


def test_an_unlisted_model_is_refused_where_only_the_demo_answers() -> None:
    with pytest.raises(Invalid) as refused:
        find("acme/new-model", DEMO)
    assert refused.value.field == "model"


@pytest.mark.parametrize("name", ["openai/gpt-4", "bedrock/nova-pro"])
def test_a_listed_model_is_found_in_demo_mode(name: str) -> None:
    assert find(name, DEMO).name == name


@pytest.mark.parametrize(
    "name",
    ["", "gpt-99", "/", "acme/", "/x", "a/b/c", "acme/x y", "acme/x\n", "acmé/x", "a/" + "x" * 99],
)
def test_what_is_no_model_name_is_refused_everywhere(name: str) -> None:
    for settings in (REAL, BEDROCK, DEMO):
        with pytest.raises(Invalid):
            find(name, settings)


def test_aliases_are_every_name_of_one_model() -> None:
    assert aliases_of("gpt-4") == aliases_of("openai/gpt-4") == {"gpt-4", "openai/gpt-4"}


def test_an_unknown_name_is_its_only_alias() -> None:
    assert aliases_of("acme/new-model") == {"acme/new-model"}


def test_a_misspelt_term_in_the_file_is_an_error() -> None:
    with pytest.raises(TypeError):
        Catalogue.parse('defaults = ["a"]\nunlisted = {windw = 1}\nmodels = []')


def test_importing_the_catalogue_reads_nothing() -> None:
    script = (
        "import sys; from reprise.llm import catalogue; "
        "assert 'tomllib' not in sys.modules and not catalogue.load.cache_info().currsize"
    )
    run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize("name", ["openai/gpt-4o", "gpt-4o", "bedrock/nova-pro", "demo", "any/one"])
def test_a_name_is_one_wherever_the_model_is_to_be_had(name: str) -> None:
    assert catalogue.is_name(name)


@pytest.mark.parametrize("name", ["", "gpt-9", "any/one/else", "a b/c", "é/a", "x/" + "y" * 100])
def test_other_texts_name_no_model(name: str) -> None:
    assert not catalogue.is_name(name)
    with pytest.raises(Invalid, match="is not a known model"):
        find(name, REAL)
