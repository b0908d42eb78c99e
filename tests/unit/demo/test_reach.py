"""How the operator beside a kind cluster gets to the pods in it."""

from e2e.reach import routes

NODE = {
    "spec": {"podCIDR": "10.244.0.0/24"},
    "status": {
        "addresses": [
            {"type": "Hostname", "address": "node"},
            {"type": "InternalIP", "address": "172.18.0.2"},
        ]
    },
}


def test_the_pods_of_a_kind_node_are_reached_through_its_container() -> None:
    [command] = routes([NODE], "kindest/node:v1")
    assert command[:2] == ["docker", "run"]
    assert "--network=host" in command
    assert command[-6:] == [
        "kindest/node:v1",
        "route",
        "replace",
        "10.244.0.0/24",
        "via",
        "172.18.0.2",
    ]
