package examination

import "math"

// invert sets dst to the inverse of the symmetric positive definite n×n matrix a, by Cholesky's decomposition, which replaces a's
// lower half. It is false when a is not positive definite.
func invert(dst, a []float64, n int) bool {
	for i := range n {
		for j := range i + 1 {
			sum := a[i*n+j]
			for k := range j {
				sum -= float64(a[i*n+k] * a[j*n+k])
			}
			if i != j {
				a[i*n+j] = sum / a[j*n+j]
				continue
			}
			if !(sum > 0) || math.IsInf(sum, 0) {
				return false
			}
			a[i*n+i] = math.Sqrt(sum)
		}
	}
	for c := range n { // L·Lᵀ·x = e_c
		x := dst[c*n : (c+1)*n]
		clear(x)
		x[c] = 1
		for i := range n {
			for k := range i {
				x[i] -= float64(a[i*n+k] * x[k])
			}
			x[i] /= a[i*n+i]
		}
		for i := n - 1; i >= 0; i-- {
			for k := i + 1; k < n; k++ {
				x[i] -= float64(a[k*n+i] * x[k])
			}
			x[i] /= a[i*n+i]
		}
	}
	return true
}

// multiply sets dst to m·v, for a square matrix.
func multiply(dst, m, v []float64) {
	n := len(v)
	for i := range dst {
		sum := 0.0
		for j, x := range v {
			sum += float64(m[i*n+j] * x)
		}
		dst[i] = sum
	}
}
