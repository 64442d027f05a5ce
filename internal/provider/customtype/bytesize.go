package customtype

import "github.com/nats-k3s/terraform-provider-nats/internal/bytesize"

// ByteSize is a number of bytes, for example "10GiB" or "10737418240". [bytesize.Unlimited] is "-1".
type ByteSize = Measure[byteSizes]

// ByteSizeType is the type of [ByteSize].
type ByteSizeType = MeasureType[byteSizes]

type byteSizes struct{}

func (byteSizes) names() (title, what string) { return "Byte Size", "a size" }

func (byteSizes) parse(text string) (int64, error) { return bytesize.Parse(text) }
