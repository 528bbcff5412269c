package report

// Timeline draws one run as a self-contained HTML page.
func Timeline(_ *Run) ([]byte, error) { return nil, nil }
