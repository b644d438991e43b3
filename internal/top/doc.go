// Package top is the live view of a running fleet, over a [fleet.Desk]: who needs attention, the life of each user's keys, what comes
// next, what happened, how fast AWS is being asked; and a few keys to act with, each of which says first what it will do.
//
// [Frame.Render] draws one picture and knows nothing but what is in the frame: no clock, no I/O. The model around it asks the desk about
// once a second, counts down in between, and makes every question and every act in the background, so nothing blocks the screen.
// [Lines] is the same for a pipe.
package top
