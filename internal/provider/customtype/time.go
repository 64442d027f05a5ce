package customtype

import (
	"errors"
	"time"
)

// Duration is a duration in Go syntax, for example "1m30s". Its number is in nanoseconds.
type Duration = Measure[durations]

// DurationType is the type of [Duration].
type DurationType = MeasureType[durations]

type durations struct{}

func (durations) names() (title, what string) { return "Duration", `a duration such as "1m30s"` }

func (durations) parse(text string) (int64, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, errors.New("it is not a number with a unit of ns, us, ms, s, m or h")
	}
	return int64(d), nil
}

// Time is a time in RFC 3339 format, in whole seconds, for example "2030-12-31T23:59:59Z". Its number is in seconds
// since 1970.
type Time = Measure[times]

// TimeType is the type of [Time].
type TimeType = MeasureType[times]

type times struct{}

// CheckTime returns an error if a string is not a valid [Time]. The framework does not validate the types of elements.
func CheckTime(text string) error {
	_, err := times{}.parse(text)
	return err
}

func (times) names() (title, what string) { return "Time", `a time such as "2030-12-31T23:59:59Z"` }

func (times) parse(text string) (int64, error) {
	t, err := time.Parse(time.RFC3339, text)
	switch {
	case err != nil:
		return 0, errors.New("it is not in RFC 3339 format, with a time zone at the end (Z or, for example, +02:00)")
	case t.Nanosecond() != 0:
		return 0, errors.New("it has a fraction of a second, and times in a JWT are in whole seconds")
	case t.Unix() <= 0:
		return 0, errors.New("it is before 1970-01-01T00:00:01Z")
	}
	return t.Unix(), nil
}
