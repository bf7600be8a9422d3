from wire.fixtures import make_cluster, make_node, start_node  # noqa: F401  (fixtures)
