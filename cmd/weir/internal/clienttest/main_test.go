package clienttest

import (
	"testing"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
)

func TestMain(m *testing.M) { weirtest.Main(m) }
