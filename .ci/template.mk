# Tasks of the template itself: a copy has none of them.
.PHONY: release cluster
release: .python  ## make VERSION of the template: changelog, commit and tag
	@$(PYTHON) .ci/release "$(VERSION)"

NODE := .tools/cluster
cluster: setup  ## as root, try what `production` says on a node of Kubernetes, until Ctrl-C
	@.ci/cluster able
	@.ci/packages cluster
	@test -e $(NODE)/built || { echo "building Kubernetes and Envoy Gateway in $(NODE): 25 minutes of one core" && .ci/cluster build $(NODE); }
	@exec .ci/cluster try $(NODE) "$(or $(TAG),loop:$(shell sed -n 's/.*"sha256": "\(............\).*/\1/p' models/lineage.json | head -1))"
