package load

import "context"

func run(ctx context.Context, o Options) Result { return Result{} }
