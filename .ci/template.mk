# Tasks of the template itself: a copy has none of them.
.PHONY: release
release: .python  ## make VERSION of the template: changelog, commit and tag
	@$(PYTHON) .ci/release "$(VERSION)"
