"""What the objects in the cluster say, as a tree for people: policy, workload, pod, model. Pure."""
