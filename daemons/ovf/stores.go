package ovf

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-ha/holdfast/daemons/ovf/store"
)

// candidate is an OVF_STORE that was found.
type candidate struct {
	store.Candidate
	volume    Volume
	text      string         // its description; empty if it has none
	content   *store.Content // set if it was read already
	problem   error          // why it cannot be used
	described bool           // it has a description
}

// candidates finds the OVF_STOREs, in the order in which to read them.
func (r *Room) candidates(j *job) ([]candidate, error) {
	catalog := j.sources.Catalog
	if catalog == nil {
		return nil, errors.New("search for OVF_STOREs: no way to search this storage domain (set ovf_store_paths)")
	}
	ctx, cancel := context.WithTimeoutCause(r.ctx, r.options.CatalogWait, fmt.Errorf("no answer within %s", r.options.CatalogWait))
	defer cancel()
	now := r.options.Clock.Now()
	if r.scanned != 0 && r.scannedBy == j.attached && now.Sub(r.scanned) < r.options.RescanAfter {
		if found, ok := r.describeKnown(ctx, j, r.known); ok {
			return order(found), nil
		}
	}
	volumes, err := catalog.Volumes(ctx)
	if err != nil {
		return nil, fmt.Errorf("search for OVF_STOREs: %w", err)
	}
	var found []candidate
	r.known = nil
	for _, v := range volumes {
		c, ok := r.describe(ctx, j, v)
		if ok {
			found = append(found, c)
			r.known = append(r.known, v)
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("search for OVF_STOREs: %w", context.Cause(ctx))
		}
	}
	r.scanned, r.scannedBy = now, j.attached
	if len(found) == 0 {
		r.scanned = 0 // search again next time
	}
	return order(found), nil
}

// describeKnown asks the stores that an earlier search found; false if any of them is none any more.
func (r *Room) describeKnown(ctx context.Context, j *job, known []Volume) ([]candidate, bool) {
	var found []candidate
	for _, v := range known {
		c, ok := r.describe(ctx, j, v)
		if !ok || c.problem != nil {
			return nil, false
		}
		found = append(found, c)
	}
	return found, true
}

// describe makes a candidate of a volume; false if it is no OVF_STORE.
func (r *Room) describe(ctx context.Context, j *job, v Volume) (candidate, bool) {
	c := candidate{volume: v, Candidate: store.Candidate{Path: v.Path}}
	text, err := j.sources.Catalog.Describe(ctx, v)
	isNamed := len(r.options.StorePaths) > 0 // by the operator, so it is a store even if its description cannot be read
	switch {
	case errors.Is(err, ErrNoDescription):
		// The volume speaks for itself: it counts as updated when its tar says.
		c.Updated = true
		content, err := r.readStore(j, c)
		var missing *store.MissingError
		if err != nil {
			c.problem = err
			c.Updated = errors.As(err, &missing)
			return c, true
		}
		c.content, c.Published = &content, content.Published
		return c, true
	case err != nil && isNamed:
		c.problem = fmt.Errorf("read its description: %w", err)
		return c, true
	case err != nil:
		return c, false // most volumes are no stores, and one that cannot be described cannot be told from them
	}
	c.text, c.described = text, true
	c.Description, err = store.ParseDescription(text)
	switch {
	case errors.Is(err, store.ErrOther) && !isNamed:
		return c, false
	case err != nil:
		c.problem = err
	}
	return c, true
}

// readStore reads a store's tar and makes sure that the engine did not write it meanwhile.
func (r *Room) readStore(j *job, c candidate) (store.Content, error) {
	ctx, cancel := context.WithTimeoutCause(r.ctx, r.options.CatalogWait, fmt.Errorf("no answer within %s", r.options.CatalogWait))
	defer cancel()
	path, err := j.sources.Catalog.Prepare(ctx, c.volume)
	if err != nil {
		return store.Content{}, fmt.Errorf("prepare OVF_STORE: %w", err)
	}
	content, err := store.Read(&volumeReader{device: r.options.Device, path: path}, j.vm)
	if err != nil || !c.described {
		return content, err
	}
	after, err := j.sources.Catalog.Describe(ctx, c.volume)
	if err != nil {
		return store.Content{}, fmt.Errorf("read its description again: %w", err)
	}
	if after != c.text {
		return store.Content{}, errChanged
	}
	return content, nil
}

// order sorts as store.Order does.
func order(found []candidate) []candidate {
	byPath := make(map[string]candidate, len(found))
	plain := make([]store.Candidate, 0, len(found))
	for _, c := range found {
		if _, twice := byPath[c.Path]; twice {
			continue
		}
		byPath[c.Path] = c
		plain = append(plain, c.Candidate)
	}
	ordered := make([]candidate, 0, len(plain))
	for _, p := range store.Order(plain) {
		ordered = append(ordered, byPath[p.Path])
	}
	return ordered
}
