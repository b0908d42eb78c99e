"""The operator on a real kubelet, with real servers; asserted through the API server alone."""
