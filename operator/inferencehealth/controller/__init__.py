"""The Kopf program: policies and workloads in, plans, patches, reports and policy status out."""
