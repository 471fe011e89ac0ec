"""Which kernels there are: every member is made by one of them, once."""

import pytest

from common.errors import UserError
from common.paths import Paths
from common.sections import Data
from config import Config, load
from kernels import plan
from pipeline import graph


@pytest.mark.parametrize("n", [1, 2, 7, 20])
def test_each_part_is_some_sessions_and_its_refiner_goes_with_it(n):
    config = load("entity")
    sessions, late = plan.share(config, Paths("entity"), n)
    assert len(sessions) == n
    assert late == []
    assert sorted(sum(sessions, [])) == sorted(graph.members(config))
    for members in sessions:
        vlm = {member.removeprefix("vlm_") for member in members if "vlm" in member}
        refine = {member.removeprefix("refine_") for member in members if "refine" in member}
        assert vlm == refine
        assert abs(len(members) - 200 / n) < 2


def test_what_stands_on_one_file_goes_together_and_what_stands_on_all_comes_after():
    data = Data(category_column="", labels=("price",), text=("text",))
    config = Config(task="price", models=("fusion", "transformer", "ridge", "stack"), data=data)
    sessions, late = plan.share(config, Paths("price"), 7)
    assert late == ["stack_0"]
    transformers = [[f"transformer_{k}"] for k in range(5)]
    fusion = [f"fusion_{k}" for k in range(5)]
    ridge = [f"ridge_{k}" for k in range(5)]
    assert sessions == [fusion, *transformers, ridge]

    sessions, late = plan.share(load("c2"), Paths("c2"), 5)
    assert sessions == [[f"net_{k}", f"heads_{k}"] for k in range(5)]
    assert late == []


def test_more_sessions_than_groups_of_members_stop():
    with pytest.raises(UserError, match="by 5 sessions and no more.*PARTS=5 or less"):
        plan.share(load("c2"), Paths("c2"), 6)
    with pytest.raises(UserError, match="one session makes them; write PARTS=1"):
        plan.share(load("price"), Paths("price"), 2)


def test_members_of_a_session_in_words():
    members = ["vlm_0", "vlm_1", "vlm_2", "refine_0", "refine_2", "net_4"]
    assert plan.describe_members(members) == "vlm_0 to vlm_2, refine_0 refine_2, net_4"
