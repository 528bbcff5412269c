package main

import (
	"github.com/holdfast-ha/holdfast/daemons/broker/shell"
	"github.com/holdfast-ha/holdfast/daemons/ops"
	"github.com/holdfast-ha/holdfast/daemons/ops/metrics"
)

// newMetrics makes the broker's metrics.
func newMetrics(source ops.Source) shell.Metrics { return metrics.New(source) }
