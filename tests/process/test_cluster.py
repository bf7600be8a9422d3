"""Real processes that form a cluster, lose nodes, get new ones."""

import signal

import pytest
from wire.node import wait_for

EVICTED = 78  # EX_CONFIG: starting again as it is does not help


def all_up(cluster, names):
    return all(node.members() == {name: "up" for name in names} for node in cluster.living())


def test_nodes_that_expect_each_other_form_one_cluster(make_cluster):
    cluster = make_cluster(3).start()
    assert all_up(cluster, ["n1", "n2", "n3"])
    views = [node.cluster() for node in cluster.nodes]
    assert len({view["id"] for view in views}) == 1
    assert all(view["without_owner"] == 0 for view in views)
    assert all(member["replicas"] == 8 for member in views[0]["members"])
    cluster.wait_owners()
    said = cluster.nodes[1].ctl("show")
    assert said.returncode == 0, said.stderr
    assert "NOT READY" not in said.stdout
    assert all(name in said.stdout for name in ("n1", "n2", "n3"))


def test_not_ready_before_the_expected_members_are_there(make_cluster):
    cluster = make_cluster(3)
    first, second, third = cluster.nodes
    cluster.join(first)
    cluster.join(second)
    assert first.get("/readyz")[0] == 503
    assert "bootstrap_expect" in first.get("/readyz")[2]
    assert first.cluster()["id"] == ""
    cluster.join(third)
    cluster.wait_ready()


def test_one_node_forms_and_others_join_one_after_the_other(make_cluster):
    cluster = make_cluster(3, expect=1)
    first, second, third = cluster.nodes
    cluster.join(first).wait_ready()
    assert all(shard["replicas"] == ["n1"] for shard in first.shards())
    cluster.join(second).wait_ready()
    cluster.join(third).wait_ready()
    # Shards get the replicas that they lack.
    wait_for(lambda: all(len(shard["replicas"]) == 3 for shard in first.shards()), 30,
             "three replicas of each shard")
    wait_for(lambda: all_up(cluster, ["n1", "n2", "n3"]), 30, "all are up")


def test_each_node_may_be_killed_and_come_back(make_cluster):
    cluster = make_cluster(3).start()
    for node in cluster.nodes:
        node.kill()
        others = cluster.living()
        wait_for(lambda: all(node.name not in {shard["owner"] for shard in other.shards()}
                             for other in others), 20, f"{node.name} owns nothing")
        cluster.wait_owners()
        cluster.wait_ready()
        node.start()
        cluster.wait_ready()
        cluster.wait_owners()
        assert all_up(cluster, ["n1", "n2", "n3"])


def test_all_nodes_may_be_killed_at_once(make_cluster):
    cluster = make_cluster(3).start()
    before = cluster.nodes[0].cluster()
    for node in cluster.nodes:
        node.process.send_signal(signal.SIGKILL)
    for node in cluster.nodes:
        node.process.wait(10)
    for node in cluster.nodes:
        node.start()
    cluster.wait_ready()
    cluster.wait_owners()
    after = cluster.nodes[2].cluster()
    assert (after["id"], after["map_version"]) == (before["id"], before["map_version"])


def test_without_a_majority_a_node_is_not_ready(make_cluster):
    cluster = make_cluster(3).start()
    cluster.nodes[1].kill()
    cluster.nodes[2].kill()
    lonely = cluster.nodes[0]
    wait_for(lambda: not lonely.ready(), 20, "n1 is not ready")
    assert "No majority" in lonely.get("/readyz")[2]
    said = lonely.ctl("evict", "n2")
    assert said.returncode == 1
    assert "majority" in said.stderr
    cluster.nodes[1].start()
    cluster.wait_ready()


def test_an_orderly_stop_leaves_no_shard_without_owner_for_long(make_cluster):
    cluster = make_cluster(3).start()
    cluster.wait_owners()
    assert cluster.nodes[0].stop() == 0
    cluster.wait_owners(within=2)
    cluster.wait_ready()


def test_who_does_not_know_the_secret_stays_outside(make_cluster):
    cluster = make_cluster(1).start()
    stranger = cluster.add(secret="another secret, as long", bootstrap_expect=1)
    cluster.join(stranger)
    stranger.await_log("secret", within=10)
    assert stranger.cluster()["id"] == ""
    assert cluster.nodes[0].members() == {"n1": "up"}


def test_a_node_of_another_cluster_is_not_let_in(make_cluster):
    ours, theirs = make_cluster(1).start(), make_cluster(1)
    stray = theirs.nodes[0]
    stray.tables["node"]["name"] = "stray"
    theirs.start()
    # Now it is pointed at the wrong cluster: it stays what it is.
    assert stray.stop() == 0
    ours.join(stray, seed=ours.nodes[0])
    stray.wait_ready()
    assert stray.members() == {"stray": "up"}
    assert ours.nodes[0].members() == {"n1": "up"}


def test_a_name_is_given_once(make_cluster):
    cluster = make_cluster(1).start()
    double = cluster.add("double", bootstrap_expect=1)
    double.tables["node"]["name"] = "n1"
    cluster.join(double)
    wait_for(lambda: "belongs to another member" in double.get("/readyz")[2], 10, "the reason")
    assert double.cluster()["id"] == ""


def test_who_is_evicted_ends_with_a_sentence(make_cluster):
    cluster = make_cluster(3).start()
    out, asked = cluster.nodes[2], cluster.nodes[0]
    said = asked.ctl("evict", "n3")
    assert said.returncode == 1
    assert "force it" in said.stderr
    assert asked.ctl("evict", "n3", "--force").returncode == 0
    assert out.process.wait(20) == EVICTED
    assert "Move its data directory away" in out.log_text()
    wait_for(lambda: all_up(cluster, ["n1", "n2"]), 20, "two members")
    # Nor is it let in again with what it has.
    out.start()
    assert out.process.wait(20) == EVICTED
    cluster.wait_ready()
    cluster.wait_owners()


def test_who_is_evicted_while_down_hears_it_at_its_start(make_cluster):
    cluster = make_cluster(3).start()
    out = cluster.nodes[1]
    out.kill()
    wait_for(lambda: cluster.nodes[0].ctl("evict", "n2").returncode == 0, 30, "n2 is evicted")
    out.start()
    assert out.process.wait(20) == EVICTED


def test_a_member_may_come_and_another_leave(make_cluster):
    cluster = make_cluster(3).start()
    fourth = cluster.add(bootstrap_expect=1)
    cluster.join(fourth).wait_ready()
    assert fourth.ctl("plan", "--apply").returncode == 0
    wait_for(lambda: {shard["owner"] for shard in fourth.shards()} == {"n1", "n2", "n3", "n4"}, 60,
             "every node owns shards")
    gone = cluster.nodes[1]
    assert fourth.ctl("leave", "n2").returncode == 0
    gone.process.wait(60)
    wait_for(lambda: all_up(cluster, ["n1", "n3", "n4"]), 20, "three members")
    assert all(len(shard["replicas"]) == 3 for shard in fourth.shards())
    cluster.wait_owners()
    cluster.wait_ready()


@pytest.mark.parametrize("gone, why", [("raft", "Raft log is gone"), ("cluster-id", "cluster-id")])
def test_a_member_that_has_lost_its_memory_does_not_start(make_cluster, gone, why):
    import shutil

    cluster = make_cluster(1).start()
    node = cluster.nodes[0]
    assert node.stop() == 0
    path = node.folder / "data" / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(Exception, match="did not start") if gone == "cluster-id" else _ends(node):
        node.start()
    assert why in node.log_text()


class _ends:
    """It starts, and ends by itself."""

    def __init__(self, node):
        self.node = node

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.node.process:
            assert self.node.process.wait(20) != 0
        return True
