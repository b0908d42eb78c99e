"""Real servers without a kubelet: processes at the loopback addresses of pods that kwok plays."""
