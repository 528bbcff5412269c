//go:build !prometheus

package main

import (
	"github.com/holdfast-ha/holdfast/daemons/broker/shell"
	"github.com/holdfast-ha/holdfast/daemons/ops"
)

// newMetrics is nil: this build has no metrics.
var newMetrics func(ops.Source) shell.Metrics
