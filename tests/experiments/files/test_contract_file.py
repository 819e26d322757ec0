"""Files that state a contract: what is wrong is said in one line, and what is right is certified and played."""

from __future__ import annotations

from pathlib import Path

import pytest

import marketgame
from marketgame.experiments import HOME
from marketgame.experiments.files.contract_file import StatedContract, load_contract
from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.files.scenario_file import load_scenario
from marketgame.mechanisms.contracts.stating import inefficiency, tells_all
from marketgame.simulation.market.model import MarketModel

FARMERS = HOME / "economies" / "three-farmers.toml"
HEAD = f'kind = "contract"\neconomy = "{FARMERS}"\n[[recommendations]]\n'
ALL = "price = { wheat = 4.0 }\nnet_trade = {}\n"


def written(folder: Path, text: str) -> Path:
    file = folder / "told.toml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (
            "share = 0.5\ntypes = { dan = 'modest' }",
            r"recommendations\[0\]\.types\.dan names no player; .* ann, bob, cat",
        ),
        ("share = 0.5\ntypes = { ann = 'hungri' }", r"recommendations\[0\]\.types\.ann is 'hungri'; .* modest, hungry"),
        (
            "share = 0.5\ntypes = { ann = 'hungry' }",
            r"those made after reports .*modest.* sum to 0; they must sum to 1",
        ),
        ("share = 0.5\nprobability = 0.25", r"sum to 0\.25; they must sum to 1"),
        ("share = 0.5\nprobability = 0.0", r"recommendations\[0\]\.probability is 0\.0; it must be greater than 0"),
        ("share = 1.5", r"recommendations\[0\]\.share is 1\.5; it must be at most 1"),
        ("price = { wheat = 4.0 }", r"recommendations\[0\]\.net_trade is missing; there must be one of"),
        (ALL + "share = 1.0", r"recommendations\[0\]\.net_trade is given beside share"),
        ("net_trade = {}\nprice = { rye = 4.0 }", r"recommendations\[0\]\.price\.rye names no good here; .* wheat"),
        ("net_trade = {}\nprice = {}", r"recommendations\[0\]\.price\.wheat is missing"),
        (
            "net_trade = { ann = { wheat = 1.0 } }",
            r"recommendations\[0\]\.net_trade adds up to 1 of wheat over players",
        ),
        (
            "net_trade = { ann = { wheat = -3.0 }, bob = { wheat = 3.0 } }",
            r"recommendations\[0\]\.net_trade\.ann\.wheat is -3; it must be at least -2, as only that much is owned",
        ),
    ],
)
def test_what_is_wrong_with_a_stated_contract_is_said_in_one_line(tmp_path: Path, told: str, message: str) -> None:
    file = written(tmp_path, HEAD + told + "\n")
    with pytest.raises(InputError, match=message) as refused:
        load_contract(file)
    assert str(refused.value).startswith(f"{file}: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("contract", "message"),
    [
        ('allocation = "file"', r"contract\.path is missing"),
        ('path = "told.toml"', r"contract\.path is 'told\.toml'; it is for allocation = 'file' only"),
        ('allocation = "file"\npath = "told.toml"\ntransfers = "none"', r"contract\.transfers is 'none'"),
        ('allocation = "file"\npath = "nowhere.toml"', r"contract\.path is 'nowhere\.toml'; it must be a file"),
    ],
)
def test_a_scenario_names_a_stated_contract_or_transfers(tmp_path: Path, contract: str, message: str) -> None:
    written(tmp_path, HEAD + ALL)
    file = tmp_path / "scenario.toml"
    file.write_text(f'kind = "scenario"\neconomy = "{FARMERS}"\n[contract]\n{contract}\n', encoding="utf-8")
    with pytest.raises(InputError, match=message):
        load_scenario(file)


def test_a_stated_contract_is_of_the_scenarios_economy(tmp_path: Path) -> None:
    written(tmp_path, HEAD + ALL)
    file, other = tmp_path / "scenario.toml", HOME / "economies" / "three-traders.toml"
    text = f'kind = "scenario"\neconomy = "{other}"\n[contract]\nallocation = "file"\npath = "told.toml"\n'
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"told\.toml: economy is .*; it must be the scenario's"):
        load_scenario(file)


def test_what_is_drawn_is_played_as_often_as_stated_and_everybody_gets_what_it_is_promised() -> None:
    model = MarketModel(load_scenario(HOME / "scenarios" / "three-farmers-revealing-obedient.toml", rounds=400))
    quoted = {3.0: 0, 4.0: 0, 5.0: 0}
    hungry = 0
    for _ in range(400):
        model.step()
        played = model.last_play
        assert played is not None
        price = float(played.play.quotes[0, 0])
        quoted[price] += 1
        hungry += int(played.profile[0])
        assert (played.profile[0] == 0) == (price == 3.0)
        assert not played.settlement.bankrupt.any()
    # Four standard deviations of a fair coin.
    assert abs(quoted[4.0] - hungry / 2) <= 2 * hungry**0.5


def test_organisers_do_not_work_on_contracts_that_draw(tmp_path: Path) -> None:
    text = (HOME / "scenarios" / "three-farmers-revealing-obedient.toml").read_text(encoding="utf-8")
    file = tmp_path / "scenario.toml"
    file.write_text(text.replace('"../', f'"{HOME}/') + '\n[[organisers]]\nname = "olga"\n', encoding="utf-8")
    with pytest.raises(ValueError, match="draws its recommendations by lot"):
        MarketModel(load_scenario(file))


def test_contracts_are_certified_from_python_too() -> None:
    stated = marketgame.load("example:contract/grain-for-one-silent")
    assert isinstance(stated, StatedContract)
    found = marketgame.certify(stated, rules={"execution": "matched", "refusal": "escrow"}, seconds=10)
    assert found.name == "grain for one, silent"
    assert found.strongly_collusion_proof.answer == "yes"
    assert not tells_all(stated.contract)
    idle = load_contract(HOME / "contracts" / "three-farmers-no-trade.toml")
    assert inefficiency(idle.contract).min() > 0.1
