"""params.yaml and the files of the stages, read strictly. It imports base."""
