package console

import (
	"slices"
	"strings"
)

// diffLine is a line of one of two texts.
type diffLine struct {
	Text    string
	Changed bool // the other text does not have it there
}

// maxDiffLines is up to how many lines two texts are compared; longer ones are shown without marks.
const maxDiffLines = 600

// sideBySide marks in each of two texts the lines that the other does not have. Commas at the ends of lines do not count.
func sideBySide(a, b string) (left, right []diffLine) {
	left, right = diffLines(a), diffLines(b)
	if len(left) > maxDiffLines || len(right) > maxDiffLines {
		return left, right
	}
	common := commonLengths(left, right)
	i, j := 0, 0
	for i < len(left) && j < len(right) {
		switch {
		case sameLine(left[i], right[j]):
			i, j = i+1, j+1
		case common[i+1][j] >= common[i][j+1]:
			left[i].Changed = true
			i++
		default:
			right[j].Changed = true
			j++
		}
	}
	for ; i < len(left); i++ {
		left[i].Changed = true
	}
	for ; j < len(right); j++ {
		right[j].Changed = true
	}
	return left, right
}

// commonLengths says how many lines two texts have in common from two lines on.
func commonLengths(left, right []diffLine) [][]int {
	common := make([][]int, len(left)+1)
	for i := range common {
		common[i] = make([]int, len(right)+1)
	}
	for i, line := range slices.Backward(left) {
		for j, other := range slices.Backward(right) {
			if sameLine(line, other) {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	return common
}

func sameLine(a, b diffLine) bool {
	return strings.TrimSuffix(a.Text, ",") == strings.TrimSuffix(b.Text, ",")
}

func diffLines(text string) []diffLine {
	if text == "" {
		return nil
	}
	var lines []diffLine
	for line := range strings.SplitSeq(text, "\n") {
		lines = append(lines, diffLine{Text: line})
	}
	return lines
}
